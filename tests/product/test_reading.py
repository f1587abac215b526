"""Anyone reads the catalogue."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.accept import BROWSER

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeCategory, MakeProduct


def names(client: "APIClient", query: str = "") -> list[str]:
    response = client.get(f"/api/products/{query}")
    assert response.status_code == 200, response.content
    return [product["name"] for product in response.json()["results"]]


def test_a_product_is_shown_with_every_field(
    anonymous_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    kitchen = make_category("Kitchen & Home")
    mug = make_product(
        "Café Mug",
        description="Holds coffee.",
        price=Decimal(5),
        categories=[kitchen.pk],
        image="/media/products/mug.svg",
    )
    body = anonymous_client.get(f"/api/products/{mug.pk}/").json()
    assert body.pop("created_at") == body.pop("updated_at")
    assert body == {
        "id": str(mug.pk),
        "name": "Café Mug",
        "slug": "cafe-mug",
        "description": "Holds coffee.",
        "price": "5.00",
        "currency": "EUR",
        "categories": [{"id": str(kitchen.pk), "name": "Kitchen & Home", "slug": "kitchen-home"}],
        "image": "http://localhost:8000/media/products/mug.svg",
        "is_active": True,
        "version": 1,
    }


def test_times_are_rfc_3339_in_utc(anonymous_client: "APIClient", make_product: "MakeProduct") -> None:
    shown = anonymous_client.get(f"/api/products/{make_product().pk}/").json()
    assert shown["created_at"].endswith("Z")
    assert len(shown["created_at"]) == len("2026-01-05T09:00:00.000Z")


def test_the_newest_product_comes_first(anonymous_client: "APIClient", make_product: "MakeProduct") -> None:
    for name in ("Old", "Middle", "New"):
        make_product(name)
    assert names(anonymous_client) == ["New", "Middle", "Old"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("name", ["Anvil", "Bell", "Cup"]),
        ("-name", ["Cup", "Bell", "Anvil"]),
        ("price", ["Bell", "Cup", "Anvil"]),
        ("-price", ["Anvil", "Cup", "Bell"]),
        ("created_at", ["Cup", "Anvil", "Bell"]),
        ("-created_at", ["Bell", "Anvil", "Cup"]),
    ],
)
def test_ordering(
    anonymous_client: "APIClient", make_product: "MakeProduct", ordering: str, expected: list[str]
) -> None:
    for name, price in (("Cup", "9.50"), ("Anvil", "100.00"), ("Bell", "9.49")):
        make_product(name, price=Decimal(price))
    assert names(anonymous_client, f"?ordering={ordering}") == expected


@pytest.mark.parametrize("ordering", ["price", "-price", "name", "-name"])
def test_pages_show_each_product_once_where_all_are_equal(
    anonymous_client: "APIClient", make_product: "MakeProduct", ordering: str
) -> None:
    ids = {str(make_product("Same").pk) for _ in range(13)}
    seen: list[str] = []
    address: str | None = f"/api/products/?ordering={ordering}&page_size=4"
    while address:
        page = anonymous_client.get(address).json()
        seen += [product["id"] for product in page["results"]]
        address = page["next"]
    assert len(seen) == 13
    assert set(seen) == ids


def test_links_of_a_page_lead_to_the_gateway_and_keep_the_query(
    anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    for _ in range(5):
        make_product()
    page = anonymous_client.get(
        "/api/products/?page=2&page_size=2&search=mug", HTTP_HOST="evil.example"
    ).json()
    assert page["count"] == 5
    assert page["next"] == "http://localhost:8000/api/products/?page=3&page_size=2&search=mug"
    assert page["previous"] == "http://localhost:8000/api/products/?page_size=2&search=mug"


def test_a_page_has_twenty_unless_told_and_a_hundred_at_most(
    anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    from apps.product.models import Product

    Product.objects.bulk_create(
        [Product(name="P", slug=f"p-{n}", price=Decimal(1), currency="EUR") for n in range(130)]
    )
    assert len(names(anonymous_client)) == 20
    assert len(names(anonymous_client, "?page_size=100")) == 100
    assert len(names(anonymous_client, "?page_size=100000")) == 100


def test_a_page_beyond_the_last_does_not_exist(
    anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    make_product()
    response = anonymous_client.get("/api/products/?page=2")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_filters_narrow_together(
    anonymous_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    kitchen, garden = make_category("Kitchen"), make_category("Garden")
    make_product("Pan", price=Decimal(30), categories=[kitchen.pk])
    make_product("Mug", price=Decimal(10), categories=[kitchen.pk, garden.pk])
    make_product("Rake", price=Decimal(20), categories=[garden.pk])
    assert names(anonymous_client, "?category=kitchen") == ["Mug", "Pan"]
    assert names(anonymous_client, "?category=garden&min_price=10.01") == ["Rake"]
    assert names(anonymous_client, "?min_price=10&max_price=20.00") == ["Rake", "Mug"]
    assert names(anonymous_client, "?category=garden&search=mug&max_price=10") == ["Mug"]
    assert names(anonymous_client, "?category=nowhere") == []
    assert names(anonymous_client, "?min_price=30.01") == []
    assert names(anonymous_client, "?search=&category=&min_price=") == ["Rake", "Mug", "Pan"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("espresso", True),
        ("ESPRESSO", True),
        ("espr", True),
        ("cafe", True),
        ("Café", True),
        ("mach esp", True),
        ("milk", True),  # of the description
        ("500", True),
        ("espresso tea", False),
        ("presso", True),  # of the name any part is found
        ("teams", False),  # of the description a word's beginning
        ("o", False),  # a single letter begins a word
        ("e", True),
        (",", True),
        (".", True),
        ("espresso, machine!", True),  # signs around words are not meant
        ("“espresso”", True),
        ("espresso-machine", True),
        (".*", False),
        ("$", False),
        ("^e", False),
        ("machine +", False),
        ("esp.*sso", False),
        ("(", False),
        ("{$gt: 1}", False),
    ],
)
def test_search(anonymous_client: "APIClient", make_product: "MakeProduct", search: str, found: bool) -> None:
    make_product("Espresso Machine Café 500", description="Steams milk,\ntoo.")
    response = anonymous_client.get("/api/products/", {"search": search})
    assert response.json()["count"] == int(found)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("C++", ["C++ Primer"]),
        ("c+", ["C++ Primer"]),
        ("C#", ["C# in Depth"]),
        ("%", ["Milk 3.5%"]),
        ("3.5%", ["Milk 3.5%"]),
        (".", ["Milk 3.5%"]),
        ("(white)", ["Mug (white)"]),
        ("white", ["White Mug", "Mug (white)"]),
        ("🎉", ["Party Hat 🎉"]),
        ("t-shirt", ["T-Shirt", "Shirt, size T"]),
        ("t shirt", ["T-Shirt", "Shirt, size T"]),
        ("o'neill", ["O\u2019Neill Jacket"]),
        ("smorrebrod", ["Smørrebrød"]),
        ("STRASSE", ["Straßenkarte"]),
        ("maschine", ["Espressomaschine"]),
        ("杯", ["咖啡杯"]),
        ("杯子", []),
        ("C", ["C# in Depth", "C++ Primer"]),
    ],
)
def test_a_search_finds_what_people_mean(
    anonymous_client: "APIClient", make_product: "MakeProduct", search: str, expected: list[str]
) -> None:
    """Signs count, and a part within a word is found. Red when a word is letters and digits and begins with the term."""
    names_of_products = [
        "C++ Primer",
        "C# in Depth",
        "Milk 3.5%",
        "Mug (white)",
        "White Mug",
        "Party Hat 🎉",
        "Shirt, size T",
        "T-Shirt",
        "O\u2019Neill Jacket",
        "Smørrebrød",
        "Straßenkarte",
        "Espressomaschine",
        "咖啡杯",
    ]
    for name in names_of_products:
        make_product(name)
    response = anonymous_client.get("/api/products/", {"search": search})
    assert [product["name"] for product in response.json()["results"]] == expected


def test_what_has_it_in_its_name_is_found_first(
    anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    """Unless another order is asked for. Red when a search is sorted by age alone."""
    make_product("C++ Primer", price=Decimal(3))
    make_product("The C++ Standard Library", price=Decimal(2))
    make_product("Compiler Handbook", description="For C++ and others.", price=Decimal(1))
    make_product("Coffee")
    by_rank = ["C++ Primer", "The C++ Standard Library", "Compiler Handbook"]
    assert names(anonymous_client, "?search=C%2B%2B") == by_rank
    assert names(anonymous_client, "?search=C%2B%2B&ordering=price") == by_rank[::-1]
    pages = [names(anonymous_client, f"?search=C%2B%2B&page_size=1&page={page}") for page in (1, 2, 3)]
    assert pages == [[name] for name in by_rank]


def test_names_are_sorted_as_people_sort(
    anonymous_client: "APIClient",
    manager_client: "APIClient",
    make_product: "MakeProduct",
    make_category: "MakeCategory",
) -> None:
    """Case and accents part nobody. Red when MongoDB compares bytes: Zebra came before apple, Ähre after all."""
    expected = ["Ähre", "apple", "Avocado", "\u00c9clair", "eel", "Øl", "oma", "zebra", "Zucker"]
    for name in reversed(expected):
        make_product(name)
        make_category(name)
    assert names(anonymous_client, "?ordering=name") == expected
    assert names(anonymous_client, "?ordering=-name") == expected[::-1]
    categories = anonymous_client.get("/api/categories/").json()["results"]
    assert [category["name"] for category in categories] == expected
    zebra = anonymous_client.get("/api/products/?search=zebra").json()["results"][0]["id"]
    assert manager_client.patch(f"/api/products/{zebra}/", {"name": "aardvark"}).status_code == 200
    assert manager_client.patch(f"/api/categories/{categories[0]['id']}/", {"name": "Zz"}).status_code == 200
    assert names(anonymous_client, "?ordering=name")[0] == "aardvark"
    assert anonymous_client.get("/api/categories/").json()["results"][-1]["name"] == "Zz"


def test_an_archived_product_is_in_no_list_and_still_answers_by_its_id(
    anonymous_client: "APIClient", manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    from apps.product import operations

    gone = make_product("Gone")
    make_product("Here")
    operations.archive_product(str(gone.pk))
    assert names(anonymous_client) == ["Here"]
    assert names(anonymous_client, "?search=gone") == []
    assert names(manager_client) == ["Here"]
    assert names(manager_client, "?is_active=false") == ["Gone"]
    assert names(manager_client, "?is_active=true") == ["Here"]
    shown = anonymous_client.get(f"/api/products/{gone.pk}/")
    assert shown.status_code == 200
    assert shown.json()["is_active"] is False


def test_only_managers_choose_by_is_active(
    anonymous_client: "APIClient", customer_client: "APIClient"
) -> None:
    assert anonymous_client.get("/api/products/?is_active=false").status_code == 401
    assert customer_client.get("/api/products/?is_active=false").status_code == 403


def test_a_list_follows_every_change(
    anonymous_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    from apps.product import operations

    category = make_category("Kitchen")
    mug = make_product("Mug", categories=[category.pk])

    def first() -> dict[str, Any]:
        result: dict[str, Any] = anonymous_client.get("/api/products/").json()["results"][0]
        return result

    assert first()["price"] == "12.50"
    operations.change_product(str(mug.pk), {"price": Decimal(3)})
    assert first()["price"] == "3.00"
    operations.change_category(str(category.pk), {"name": "Cooking"})
    assert first()["categories"][0]["name"] == "Cooking"
    operations.delete_category(str(category.pk))
    assert first()["categories"] == []


def test_categories_come_by_name(anonymous_client: "APIClient", make_category: "MakeCategory") -> None:
    kitchen, garden = make_category("Kitchen"), make_category("Garden")
    page = anonymous_client.get("/api/categories/").json()
    assert page == {
        "count": 2,
        "next": None,
        "previous": None,
        "results": [
            {"id": str(garden.pk), "name": "Garden", "slug": "garden"},
            {"id": str(kitchen.pk), "name": "Kitchen", "slug": "kitchen"},
        ],
    }
    assert anonymous_client.get(f"/api/categories/{kitchen.pk}/").json() == page["results"][1]
    assert (
        anonymous_client.get("/api/categories/?page_size=1&page=2").json()["results"] == page["results"][1:]
    )


@pytest.mark.parametrize("kind", ["products", "categories"])
@pytest.mark.parametrize(
    "text",
    [
        "0" * 24,
        "A" * 24,
        "0" * 23,
        "0" * 25,
        "g" * 24,
        "$where",
        "{'$ne':1}",
        "1 OR 1=1",
        "..",
        "%00",
        "a.b.c",
        "0" * 24 + "%0a",
        "é" * 12,
    ],
)
def test_an_id_that_names_nothing_is_not_found(anonymous_client: "APIClient", kind: str, text: str) -> None:
    response = anonymous_client.get(f"/api/{kind}/{text}/")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_head_and_options(anonymous_client: "APIClient", make_product: "MakeProduct") -> None:
    address = f"/api/products/{make_product().pk}/"
    got, head = anonymous_client.get(address), anonymous_client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert (head["ETag"], head["Content-Length"]) == (got["ETag"], str(len(got.content)))
    options = anonymous_client.options(address)
    assert options.status_code == 200
    assert set(options["Allow"].split(", ")) == {"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("address", ["/api/products/", "/api/categories/", "product", "category"])
def test_people_get_pages(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory", address: str
) -> None:
    category = make_category()
    places = {"product": f"/api/products/{make_product().pk}/", "category": f"/api/categories/{category.pk}/"}
    response = manager_client.get(places.get(address, address), HTTP_ACCEPT=BROWSER)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")
    assert b"<form" in response.content
    assert "ETag" not in response
