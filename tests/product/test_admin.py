"""The catalogue in the back office, on MongoDB."""

import csv
import io
import re
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import QuerySet
from django.test import Client

from apps.product import bulk, operations
from apps.product.admin_list import found_by, listing_of
from apps.product.errors import Contended
from apps.product.models import Category, Product
from shared.history.models import Change
from shared.messaging.models import OutboxMessage
from shared.testing.tokens import ALICE, BOB, MIA, make_token
from tests.product.commands import outbox
from tests.product.test_indexes import explained
from tests.product.test_store_away import HURRY, WAIT_SECONDS

if TYPE_CHECKING:
    from tests.product.conftest import MakeCategory, MakeProduct
    from tests.product.mongod import Mongod

PRODUCTS, CATEGORIES = "/admin/product/product/", "/admin/product/category/"


def signed_in(subject: str, *roles: str) -> Client:
    """A browser behind the gateway."""
    return Client(headers={"authorization": f"Bearer {make_token(subject, roles)}"})


def test_only_managers(trusted_realm: None, make_product: "MakeProduct") -> None:
    product = make_product()
    for address in ("/admin/product/", PRODUCTS, CATEGORIES, f"{PRODUCTS}{product.pk}/change/"):
        assert (Client().get(address).status_code, signed_in(ALICE, "customer").get(address).status_code) == (
            401,
            403,
        ), address
    assert not User.objects.exists()


def test_the_row_of_a_manager_is_made_from_the_token(mia: Client) -> None:
    for _ in range(2):
        assert mia.get("/admin/product/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.first_name, user.is_staff, user.has_usable_password()) == (
        MIA,
        "mia",
        False,
        False,
    )


@pytest.fixture
def goods(make_product: "MakeProduct", make_category: "MakeCategory") -> dict[str, Product]:
    """Three mugs of which one is archived, and a kite; the blue mug is in two categories."""
    kitchen, gifts = make_category("Kitchen"), make_category("Gifts")
    blue = make_product(
        "Blue mug",
        categories=[kitchen.pk, gifts.pk],
        image="/media/products/mug.svg",
        description="Hot, cold",
    )
    red = make_product("Red mug", categories=[kitchen.pk], price=Decimal("0.05"))
    old = make_product("Old mug", is_active=False)
    kite = make_product("Kite", price=Decimal(1000), currency="JPY")
    OutboxMessage.objects.all().delete()
    return {"blue": blue, "red": red, "old": old, "kite": kite}


def shown(client: Client, **query: str) -> set[str]:
    """The names in the list."""
    page = client.get(PRODUCTS, query).content.decode()
    return {name for name in ("Blue mug", "Red mug", "Old mug", "Kite") if f">{name}</a>" in page}


class TestList:
    def test_what_it_shows(self, mia: Client, goods: dict[str, Product]) -> None:
        page = mia.get(PRODUCTS).content.decode()
        assert shown(mia) == {"Blue mug", "Red mug", "Old mug", "Kite"}
        assert (
            '<img class="thumbnail" src="/media/products/mug.svg" alt="Picture of Blue mug" loading="lazy"'
            in page
        )
        assert "1000.00 JPY" in page
        assert ">Kitchen, Gifts<" in page
        assert f'href="/admin/stock/stockitem/{goods["blue"].pk}/change/"' in page

    def test_a_picture_from_elsewhere_is_not_shown(self, mia: Client, goods: dict[str, Product]) -> None:
        Product.objects.filter(pk=goods["kite"].pk).update(image="javascript:alert(1)")
        assert "javascript:" not in mia.get(PRODUCTS).content.decode()

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"q": "mug"}, {"Blue mug", "Red mug", "Old mug"}),
            ({"q": "MU blu"}, {"Blue mug"}),
            ({"q": "hot"}, {"Blue mug"}),
            ({"q": "red-mug"}, {"Red mug"}),
            ({"q": "{$gt: 1}"}, set()),
            ({"q": "*"}, set()),
            ({"is_active__exact": "0"}, {"Old mug"}),
            ({"is_active__exact": "1", "q": "mug"}, {"Blue mug", "Red mug"}),
            ({"category": "none"}, {"Old mug", "Kite"}),
            ({"category": "nonsense"}, set()),
            ({"created_at__gte": "2030-01-01 00:00:00+00:00"}, set()),
            ({"created_at__gte": "2020-01-01 00:00:00+00:00"}, {"Blue mug", "Red mug", "Old mug", "Kite"}),
        ],
        ids=str,
    )
    def test_what_is_chosen(
        self, mia: Client, goods: dict[str, Product], query: dict[str, str], names: set[str]
    ) -> None:
        assert shown(mia, **query) == names

    def test_by_id_and_by_category(self, mia: Client, goods: dict[str, Product]) -> None:
        assert shown(mia, q=str(goods["kite"].pk)) == {"Kite"}
        assert shown(mia, category=str(goods["blue"].categories[1])) == {"Blue mug"}

    def test_pages_come_from_an_index(self, goods: dict[str, Product]) -> None:
        """Red without `EITHER`, and where price and id do not go in one direction."""
        for found in (
            Product.objects.order_by("-created_at", "-pk"),
            Product.objects.order_by("price", "-pk"),
            Product.objects.filter(is_active=False).order_by("name_key", "pk"),
            Product.objects.filter(categories__contains=[ObjectId()]).order_by("-created_at", "-pk"),
        ):
            names = {stage["stage"] for stage in explained(listing_of(found))}
            assert "IXSCAN" in names
            assert not {"COLLSCAN", "SORT", "$sort"} & names
        names = {
            stage["stage"] for stage in explained(listing_of(Product.objects.filter(found_by("blu mu"))))
        }
        assert "COLLSCAN" not in names

    def test_pages_are_turned(
        self, mia: Client, make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from apps.product.admin import ProductAdmin

        monkeypatch.setattr(ProductAdmin, "list_per_page", 2)
        for number in range(5):
            make_product(f"No. {number}")
        pages = [mia.get(PRODUCTS, {"p": str(number), "o": "2"}).content.decode() for number in (1, 2, 3)]
        found = [[str(n) for n in range(5) if f">No. {n}</a>" in page] for page in pages]
        assert found == [["0", "1"], ["2", "3"], ["4"]]
        assert "5 products" in pages[0]


def typed(product: Product, **changes: Any) -> dict[str, Any]:
    """What the product's form sends, with some fields changed."""
    return {
        "name": product.name,
        "slug": product.slug,
        "description": product.description,
        "price": f"{product.price:.2f}",
        "currency": product.currency,
        "categories": [str(each) for each in product.categories],
        "image": product.image,
        **({"is_active": "on"} if product.is_active else {}),
        "seen": str(product.version),
        **changes,
    }


def page_of(product: Product) -> str:
    return f"{PRODUCTS}{product.pk}/change/"


class TestForm:
    def test_a_product_is_added_with_its_event(self, mia: Client, make_category: "MakeCategory") -> None:
        """Red with `obj.save()` in place of the operation."""
        kitchen = make_category()
        page = mia.get(f"{PRODUCTS}add/").content.decode()
        assert "Kitchen" in page
        body = {
            "name": " Green mug ",
            "price": "3.50",
            "currency": "EUR",
            "categories": [str(kitchen.pk)],
            "is_active": "on",
        }
        assert mia.post(f"{PRODUCTS}add/", body).status_code == 302
        product = Product.objects.get()
        assert (product.name, product.slug, product.price, product.categories) == (
            "Green mug", "green-mug", Decimal("3.50"), [kitchen.pk],
        )  # fmt: skip
        assert [(kind, data["product_id"], data["price"]) for kind, data in outbox()] == [
            ("product.created.v1", str(product.pk), "3.50")
        ]
        line = by_mia().get()
        assert (line.actor_id, line.object_id, line.action) == (MIA, str(product.pk), "created")

    def test_a_change_leaves_with_its_event(self, mia: Client, goods: dict[str, Product]) -> None:
        blue = goods["blue"]
        page = mia.get(page_of(blue)).content.decode()
        assert 'value="12.50"' in page
        assert page.count(" checked") >= 3
        answer = mia.post(page_of(blue), typed(blue, price="11.00", description="One\r\ntwo"), follow=True)
        assert "was changed successfully" in answer.content.decode()
        blue.refresh_from_db()
        assert (blue.price, blue.description, blue.version) == (Decimal("11.00"), "One\ntwo", 2)
        assert [(kind, data["version"], data["price"]) for kind, data in outbox()] == [
            ("product.updated.v1", 2, "11.00")
        ]
        history = mia.get(f"{PRODUCTS}{blue.pk}/history/").content.decode()
        assert "price: <del>12.50</del> → <ins>11.00</ins>" in history

    def test_an_event_that_cannot_be_written_takes_the_change_with_it(
        self, mia: Client, goods: dict[str, Product], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise Contended

        monkeypatch.setattr("shared.messaging.outbox.publish", full)
        page = mia.post(page_of(goods["blue"]), typed(goods["blue"], price="11.00")).content.decode()
        assert "Others are changing the catalogue" in page
        assert 'value="11.00"' in page
        assert Product.objects.get(pk=goods["blue"].pk).price == Decimal("12.50")
        assert (outbox(), by_mia().count()) == ([], 0)

    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("name", "", "may not be blank"),
            ("name", "x" * 201, "no more than 200"),
            ("slug", "Two Words", "lower-case letters"),
            ("slug", "red-mug", "Another one has this slug"),
            ("price", "12,50", "This is not an amount"),
            ("price", "-1.00", "greater than or equal to 0"),
            ("currency", "XXX", "Select a valid choice"),
            ("categories", ["0" * 24], "Select a valid choice"),
            ("image", "javascript:alert(1)", "A picture has a public"),
            ("image", "https://localhost/x.png", "A picture has a public"),
        ],
    )
    def test_the_apis_rules_hold(
        self, mia: Client, goods: dict[str, Product], field: str, value: Any, why: str
    ) -> None:
        """And what was typed is still there. Red without the serializer in `OperationForm.full_clean`."""
        body = typed(goods["blue"], description="Something typed", **{field: value})
        page = mia.post(page_of(goods["blue"]), body).content.decode()
        assert why in page
        assert "Something typed" in page
        assert Product.objects.get(pk=goods["blue"].pk).version == 1
        assert outbox() == []

    def test_two_managers_edit_the_same_product(self, mia: Client, goods: dict[str, Product]) -> None:
        """The second is told, and may insist. Red without `precondition` in `ProductForm.carry_out`."""
        blue = goods["blue"]
        first, second = (
            typed(blue, price="11.00", name="Sky mug"),
            typed(blue, price="14.00", description="Mine"),
        )
        mia.post(page_of(blue), first)
        page = mia.post(page_of(blue), second).content.decode()
        assert "Somebody else changed this meanwhile" in page
        assert "It is now: 11.00. You have: 14.00." in page
        assert "It is now: Sky mug. You have: Blue mug." in page
        assert ("Mine" in page, 'value="14.00"' in page, 'name="seen" value="2"' in page) == (
            True,
            True,
            True,
        )
        blue.refresh_from_db()
        assert (blue.price, blue.name, len(outbox())) == (Decimal("11.00"), "Sky mug", 1)
        assert mia.post(page_of(blue), {**second, "seen": "2"}).status_code == 302
        blue.refresh_from_db()
        assert (blue.price, blue.description, blue.version) == (Decimal("14.00"), "Mine", 3)

    def test_nothing_is_deleted(self, mia: Client, goods: dict[str, Product]) -> None:
        assert mia.post(f"{PRODUCTS}{goods['blue'].pk}/delete/", {"post": "yes"}).status_code == 403

    @pytest.mark.parametrize("id", ["0" * 24, "nonsense", "%00"])
    def test_one_that_there_is_not(self, mia: Client, id: str) -> None:
        assert mia.get(f"{PRODUCTS}{id}/change/").status_code == 302
        assert mia.get(f"{CATEGORIES}{id}/change/").status_code == 302


class TestCategories:
    def test_added_renamed_and_deleted(self, mia: Client, goods: dict[str, Product]) -> None:
        """Red with Django's own deletion: the products stay in a category that there is not."""
        mia.post(f"{CATEGORIES}add/", {"name": "Toys"})
        toys = Category.objects.get(slug="toys")
        mia.post(f"{CATEGORIES}{toys.pk}/change/", {"name": "Games", "slug": "toys", "seen": "Toys toys"})
        assert Category.objects.get(slug="toys").name == "Games"
        page = mia.post(
            f"{CATEGORIES}{toys.pk}/change/", {"name": "Play", "slug": "toys", "seen": "Toys toys"}
        ).content.decode()
        assert "It is now: Games. You have: Play." in page
        kitchen = Category.objects.get(slug="kitchen")
        assert "2 products leave it and stay" in mia.get(f"{CATEGORIES}{kitchen.pk}/delete/").content.decode()
        assert mia.post(f"{CATEGORIES}{kitchen.pk}/delete/", {"post": "yes"}).status_code == 302
        assert not Category.objects.filter(slug="kitchen").exists()
        assert Product.objects.get(pk=goods["red"].pk).categories == []
        assert sorted(data["name"] for _, data in outbox()) == ["Blue mug", "Red mug"]

    def test_they_lead_to_their_products(self, mia: Client, goods: dict[str, Product]) -> None:
        kitchen = Category.objects.get(slug="kitchen")
        assert f"{PRODUCTS}?category={kitchen.pk}" in mia.get(CATEGORIES, {"q": "ITCH"}).content.decode()


def by_mia() -> QuerySet[Change]:
    """What is written down of what she did in the admin."""
    return Change.objects.filter(actor_id=MIA, source="admin")


def agreement_in(page: str) -> str:
    """What the form of a preview carries."""
    found = re.search(r'name="agreement" value="([^"]+)"', page)
    assert found, page
    return found[1]


def ask(client: Client, action: str, *products: Product, **more: str) -> str:
    """The page after an action was chosen."""
    chosen = [str(each.pk) for each in products]
    return client.post(
        PRODUCTS, {"action": action, "_selected_action": chosen, **more}, follow=True
    ).content.decode()


def agree(client: Client, page: str) -> str:
    """The page after what was shown was agreed to."""
    return client.post(f"{PRODUCTS}many/", {"agreement": agreement_in(page)}, follow=True).content.decode()


class TestMany:
    def test_archived_and_brought_back(self, mia: Client, goods: dict[str, Product]) -> None:
        page = ask(mia, "archive", goods["blue"], goods["red"], goods["old"])
        assert "2 products would change, 1 would stay as it is" in page
        assert "active → archived" in page
        assert outbox() == []
        assert "2 products archived." in agree(mia, page)
        assert [(kind, data["is_active"]) for kind, data in outbox()] == [("product.archived.v1", False)] * 2
        page = ask(mia, "bring_back", goods["old"], goods["blue"])
        assert "2 products restored." in agree(mia, page)
        assert set(Product.objects.filter(is_active=True).values_list("name", flat=True)) == {
            "Blue mug",
            "Old mug",
            "Kite",
        }
        assert {line.action for line in by_mia()} == {"archived", "restored"}

    def test_prices_by_per_cent(self, mia: Client, goods: dict[str, Product]) -> None:
        """Half upwards, in the currency's own unit; nothing becomes free. Red with ROUND_HALF_EVEN."""
        Product.objects.filter(pk=goods["old"].pk).update(price=Decimal("0.01"))
        Product.objects.filter(pk=goods["blue"].pk).update(price=Decimal("0.45"))
        page = ask(mia, "change_price", *goods.values())
        assert "4 products are chosen" in page
        assert "0 per cent changes nothing" in ask(
            mia, "change_price", *goods.values(), asked="yes", percent="0"
        )
        page = ask(mia, "change_price", *goods.values(), asked="yes", percent="-90")
        assert "Nothing would be left of the price." in page
        assert "0.45 EUR → 0.05 EUR" in page
        assert "0.05 EUR → 0.01 EUR" in page
        assert "1000.00 JPY → 100.00 JPY" in page
        assert "3 products repriced." in agree(mia, page)
        assert "too large" in ask(mia, "change_price", raised(goods["kite"]), asked="yes", percent="1000")
        page = ask(mia, "change_price", goods["kite"], asked="yes", percent="0.55")
        assert "999999999.00 JPY → 1005499999.00 JPY" in page

    def test_into_and_out_of_a_category(self, mia: Client, goods: dict[str, Product]) -> None:
        gifts = Category.objects.get(slug="gifts")
        page = ask(mia, "put_into", *goods.values(), asked="yes", category=str(gifts.pk))
        assert "3 products would change, 1 would stay as it is" in page
        agree(mia, page)
        assert all(gifts.pk in each.categories for each in Product.objects.all())
        agree(mia, ask(mia, "take_out_of", goods["red"], asked="yes", category=str(gifts.pk)))
        assert gifts.pk not in Product.objects.get(pk=goods["red"].pk).categories
        assert "Select a valid choice" in ask(mia, "put_into", goods["red"], asked="yes", category="0" * 24)

    def test_all_of_a_search(self, mia: Client, goods: dict[str, Product]) -> None:
        body = {"action": "archive", "select_across": "1", "_selected_action": [str(goods["blue"].pk)]}
        page = mia.post(f"{PRODUCTS}?q=mug", body).content.decode()
        assert "2 products would change, 1 would stay as it is" in page

    def test_too_many_at_once(
        self, mia: Client, goods: dict[str, Product], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.admin.options.MOST", 2)
        assert "2 products at once are the most" in ask(mia, "archive", *goods.values())

    def test_what_changed_since_it_was_shown_is_left_alone(
        self, mia: Client, goods: dict[str, Product]
    ) -> None:
        """The others are done. Red without `as_it_was_shown`."""
        page = ask(mia, "archive", goods["blue"], goods["red"])
        operations.change_product(str(goods["red"].pk), {"price": Decimal(7)})
        page = agree(mia, page)
        assert "1 product archived." in page
        assert "It is not what was shown any more" in page
        assert Product.objects.get(pk=goods["red"].pk).is_active

    def test_one_that_is_refused_does_not_hold_up_the_others(
        self, mia: Client, goods: dict[str, Product]
    ) -> None:
        """In the middle of a shared transaction. Red without `_do_alone`."""
        rows = [bulk.Row(each.name, 1, str(each.pk), fields={"is_active": False}) for each in goods.values()]
        rows[1].version = 5
        assert bulk.carry_out(rows) == 3
        assert [row.product is not None for row in rows] == [True, False, True, True]
        assert "not what was shown" in rows[1].errors[0]
        assert len(outbox()) == 2  # the old one is archived already

    def test_it_ends_where_time_does(
        self, goods: dict[str, Product], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "SECONDS", -1.0)
        rows = [bulk.Row("Kite", 1, str(goods["kite"].pk), fields={"is_active": False})]
        assert bulk.carry_out(rows) == 0
        assert rows[0].errors == [bulk.NO_TIME]

    @pytest.mark.parametrize("why", ["time", "others"])
    def test_it_ends_in_the_middle_of_one_by_one(
        self, goods: dict[str, Product], monkeypatch: pytest.MonkeyPatch, why: str
    ) -> None:
        """Red where the loop looks at no clock, or goes on while others write: 50 × 3 s are more than anybody waits."""
        rows = [bulk.Row(each.name, 1, str(each.pk), fields={"is_active": False}) for each in goods.values()]
        rows[0].version = 5  # so they do not go together
        usual, tries = bulk._do, list[int]()

        def slow(some: Any) -> Any:
            tries.append(len(some))
            if len(tries) == 2 and why == "time":
                monkeypatch.setattr(bulk, "time", SimpleNamespace(monotonic=lambda: float("inf")))
            if len(tries) == 3:
                raise Contended
            return usual(some)

        monkeypatch.setattr(bulk, "_do", slow)
        bulk.carry_out(rows)
        assert tries == ([4, 1] if why == "time" else [4, 1, 1])
        text = bulk.NO_TIME if why == "time" else str(Contended.default_detail)
        assert [row.errors for row in rows[1:]] == [[text]] * 3

    @pytest.mark.parametrize("agreement", ["", "nonsense", "[1]"])
    def test_nothing_is_done_that_was_not_shown(self, mia: Client, agreement: str) -> None:
        page = mia.post(f"{PRODUCTS}many/", {"agreement": agreement}, follow=True).content.decode()
        assert "cannot be read any more" in page

    def test_what_is_no_id_is_not_chosen(self, mia: Client, goods: dict[str, Product]) -> None:
        page = mia.post(PRODUCTS, {"action": "archive", "_selected_action": ["{'$gt': ''}"]}, follow=True)
        assert "not there" in page.content.decode()


def raised(product: Product) -> Product:
    """The product, at almost the highest price there is."""
    Product.objects.filter(pk=product.pk).update(price=Decimal(999_999_999))
    return product


def upload(client: Client, *lines: str, content: bytes = b"") -> str:
    """The page after a file was sent."""
    file = SimpleUploadedFile("products.csv", content or "\n".join(lines).encode())
    return client.post(f"{PRODUCTS}import/", {"file": file}).content.decode()


def import_agreed(client: Client, page: str) -> str:
    return client.post(f"{PRODUCTS}import/", {"agreement": agreement_in(page)}, follow=True).content.decode()


class TestFiles:
    def test_a_file_is_shown_before_it_does_anything(self, mia: Client, goods: dict[str, Product]) -> None:
        page = upload(
            mia,
            "id,name,price,categories",
            f"{goods['blue'].pk},Blue mug,13.00,gifts",
            ",Green mug,4.00,kitchen;gifts",
            ",Red mug,0.05,kitchen",
        )
        assert "2 products would change or be new, 1 would stay as it is, 0 rows cannot be used" in page
        assert "price 12.50 EUR → 13.00; categories kitchen, gifts → gifts" in page
        assert "new: 4.00 EUR" in page
        assert (Product.objects.count(), outbox()) == (4, [])
        assert "2 products imported." in import_agreed(mia, page)
        assert sorted((kind, data["name"], data["price"]) for kind, data in outbox()) == [
            ("product.created.v1", "Green mug", "4.00"),
            ("product.updated.v1", "Blue mug", "13.00"),
        ]
        green = Product.objects.get(slug="green-mug")
        assert len(green.categories) == 2
        assert by_mia().count() == 2

    def test_what_is_emptied_is_shown(
        self, mia: Client, make_product: "MakeProduct", make_category: "MakeCategory"
    ) -> None:
        """Red where a change of categories or of the description is only named, or a long address only begun."""
        shelves = [make_category(name).pk for name in ("Kitchen", "Gifts")]
        long = "https://pictures.example.com/" + "a" * 80
        mug = make_product("Mug", categories=shelves, description="For tea", image=f"{long}/1.png")
        page = upload(mia, "id,categories,description,image", f"{mug.pk},,,{long}/2.png")
        assert "categories kitchen, gifts → nothing" in page
        assert "description emptied" in page
        assert "/1.png → …" in page
        assert "/2.png" in page
        page = upload(mia, "id,categories,description", f"{mug.pk},gifts,For coffee")
        assert "categories kitchen, gifts → gifts" in page
        assert "description For tea → For coffee" in page

    def test_the_same_file_twice_makes_nothing_twice(self, mia: Client) -> None:
        """Whether it was agreed to in between or not. Red without `by_slug` in `imports.checked`."""
        lines = ("name,price", "Green mug,4.00", "Kite,5.00")
        first, second = upload(mia, *lines), upload(mia, *lines)
        assert "2 products imported." in import_agreed(mia, first)
        assert "has this slug already" in import_agreed(mia, second) or Product.objects.count() == 2
        assert Product.objects.count() == 2
        assert "0 products would change or be new, 2 would stay as they are" in upload(mia, *lines)

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("0" * 24 + ",Mug,,1.00,,", "There is no product with this id."),
            ("nonsense,Mug,,1.00,,", "There is no product with this id."),
            (",,,1.00,,", "name: This field is required."),
            (",Mug,,,,", "price: This field is required."),
            (",Mug,,x,,", "price: This is not an amount"),
            (",Mug,,1.00,nowhere,", "There is no category with the slug nowhere."),
            (",Mug,,1.00,,maybe", "is_active: true or false, not “maybe”."),
            (",Mug,Big Mug,1.00,,", "lower-case letters"),
            (",\u9a6c\u514b\u676f,,1.00,,", "None can be made from this name"),
            (",Same,,1.00,,", "Another row is about the same product"),
        ],
    )
    def test_rows_that_cannot_be_used(self, mia: Client, row: str, why: str) -> None:
        page = upload(mia, "id,name,slug,price,categories,is_active", ",Same,,2.00,,", row)
        assert why in page
        assert "Line" in page

    def test_many_rows_with_three_bad_ones(self, mia: Client) -> None:
        """The good ones are carried out, with an event each; the bad ones are named by their line."""
        lines = [f"Thing {number},{number + 1}.00" for number in range(100)]
        for bad in (10, 50, 99):
            lines[bad] = f"Thing {bad},free"
        page = upload(mia, "name,price", *lines)
        assert "97 products would change or be new, 0 would stay as they are, 3 rows cannot be used" in page
        assert all(f'<td class="number">{bad + 2}<td>' in page for bad in (10, 50, 99))
        assert "97 products imported." in import_agreed(mia, page)
        assert Product.objects.count() == len(outbox()) == by_mia().count() == 97

    def test_an_export_runs_nothing_and_comes_back(
        self, mia: Client, make_product: "MakeProduct", goods: Any
    ) -> None:
        """Red without `as_it_was`, and with a `defused` that leaves an apostrophe before a formula as it is."""
        names = ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "'=1", "''+2", "'plain'", 'a;=1+1,"b"']
        for number, name in enumerate(names):
            make_product(name, slug=f"odd-{number}", description="=1\n\n+2; 'x'")
        before = list(
            Product.objects.order_by("pk").values("name", "description", "slug", "version", "image")
        )
        body = {"action": "export", "select_across": "1", "_selected_action": [str(goods["blue"].pk)]}
        answer = mia.post(PRODUCTS, body)
        content = b"".join(answer).decode()
        rows = list(csv.DictReader(io.StringIO(content, newline="")))
        assert {row["name"] for row in rows} >= {f"'{name}" for name in names[:6]}
        assert not re.search(r'(^|,)"?[=+\-@]', content.replace("\n\n+2", ""), re.MULTILINE)
        blue = next(row for row in rows if row["name"] == "Blue mug")
        assert (blue["categories"], blue["price"], blue["is_active"]) == ("kitchen;gifts", "12.50", "true")
        page = upload(mia, content=content.encode())
        assert f"0 products would change or be new, {len(before)} would stay as they are, 0 rows" in page
        changed = content.replace("Blue mug", "Sky mug")
        import_agreed(mia, upload(mia, content=changed.encode()))
        after = list(Product.objects.order_by("pk").values("name", "description", "slug", "version", "image"))
        assert [one for one in after if one not in before] == [
            {**each, "name": "Sky mug", "version": 2} for each in before if each["name"] == "Blue mug"
        ]

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "empty"),
            (b"name,price\n", "has no rows"),
            (b"name,prise\nMug,1.00\n", "These columns are not known, or stand there twice: prise"),
            (b"name,name\nMug,Mug\n", "stand there twice"),
            (b"name\n\xff\n", "not UTF-8"),
            (b"name,price\n" + b"Mug,1.00\n" * 1001, "1,000 is the most"),
            (b"name\n" + b"x" * (512 * 1024), "too large"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_a_file_that_is_none(self, mia: Client, content: bytes, why: str) -> None:
        page = upload(mia, content=content)
        assert why in page
        assert 'name="agreement"' not in page

    @pytest.mark.parametrize("agreement", ["", "nonsense"])
    def test_nothing_is_imported_that_was_not_shown(self, mia: Client, agreement: str) -> None:
        page = mia.post(f"{PRODUCTS}import/", {"agreement": agreement}).content.decode()
        assert "send the file again" in page


def test_names_are_only_text(mia: Client, goods: dict[str, Product], make_category: "MakeCategory") -> None:
    hostile = "<script>alert(1)</script>"
    category = make_category(hostile)
    product = operations.change_product(
        str(goods["blue"].pk), {"name": hostile, "description": hostile, "categories": [category.pk]}
    )
    pages = [
        mia.get(address).content.decode()
        for address in (
            "/admin/product/", PRODUCTS, page_of(product), f"{PRODUCTS}{product.pk}/history/", CATEGORIES,
            f"{CATEGORIES}{category.pk}/change/", f"{CATEGORIES}{category.pk}/delete/", f"{PRODUCTS}add/",
        )
    ]  # fmt: skip
    pages += [
        mia.post(page_of(product), typed(product, price=hostile, seen="1")).content.decode(),
        mia.post(page_of(product), typed(product, name=f"x{hostile}", seen="1")).content.decode(),
        ask(mia, "archive", product),
        upload(mia, "name,price,categories,is_active", f"{hostile},1.00,{hostile},{hostile}"),
        upload(mia, f"name,{hostile}", "x,y"),
    ]
    assert [hostile in page for page in pages] == [False] * len(pages)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_mongodb_that_is_away_is_said_so_in_time(
    own_mongod: "Mongod", mia: Client, make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Whoever is known and whoever is not. Red without `STORE_IS_AWAY`, and with `DeadlineMiddleware` inside of the admin's."""
    product = make_product()
    assert mia.get(PRODUCTS).status_code == 200
    own_mongod.kill() if how == "killed" else own_mongod.freeze()
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", HURRY)
    for client in (mia, signed_in(BOB, "manager")):
        for address in ("/admin/product/", PRODUCTS, f"{PRODUCTS}{product.pk}/change/"):
            started = time.monotonic()
            answer = client.get(address)
            assert time.monotonic() - started < WAIT_SECONDS, address
            assert (answer.status_code, answer["Retry-After"]) == (503, "2"), address
            assert "The database cannot be reached" in answer.content.decode()
    own_mongod.start() if how == "killed" else own_mongod.thaw()
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", 60.0)
    assert mia.get(PRODUCTS).status_code == 200


def test_who_comes_back_from_a_sign_in_is_led_to_the_list(mia: Client) -> None:
    """Red with `require_POST`: the gateway sends a browser back by GET."""
    assert mia.get(f"{PRODUCTS}many/")["Location"] == PRODUCTS


def test_what_needs_doing_in_numbers(mia: Client, goods: dict[str, Product]) -> None:
    """As the lists behind them show. Red where an archived product is one to put into a category."""
    figures = mia.get("/admin/product/figures/").json()
    for name, query in (
        ("uncategorised", {"category": "none", "is_active__exact": "1"}),
        ("archived", {"is_active__exact": "0"}),
    ):
        page = mia.get(PRODUCTS, query).content.decode()
        shown = [product for product in goods.values() if page_of(product) in page]
        assert figures[name] == {"count": len(shown), "is_more": False, "oldest_at": None}, name
    customer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
    assert customer.get("/admin/product/figures/").status_code == 403
