"""Who changed the catalogue: from the API, the admin and a command alike, in MongoDB's transaction of the change."""

from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from pymongo.errors import PyMongoError
from rest_framework.test import APIClient

from apps.product import operations
from apps.product.models import Product
from apps.product.mongodb import mongo
from shared.auth.actor import Actor, Source, acting
from shared.history.models import Change
from shared.messaging.models import OutboxMessage
from shared.testing.tokens import MIA
from tests.product.conftest import MakeCategory, MakeProduct
from tests.product.test_admin import agree, ask

PRODUCTS, CATEGORIES = "/admin/product/product/", "/admin/product/category/"
HOSTILE = "<script>alert(1)</script>"


def history(of: Any) -> list[tuple[str, str, str, dict[str, Any]]]:
    """What is written down of one object since it was made, oldest first."""
    found = Change.objects.filter(object_id=str(of.pk)).order_by("at", "id")[1:]
    return [(c.actor_name, c.source, c.action, c.differences) for c in found]


def page_of(client: Client, address: str, of: Any) -> str:
    """The History page of an object."""
    return client.get(f"{address}{of.pk}/history/").content.decode()


def test_from_the_api(mia: Client, manager_client: APIClient, make_category: MakeCategory) -> None:
    """Each change once, with old and new; what changes nothing has no line. Red without `write_down`."""
    kitchen = make_category("Kitchen")
    body = {"name": "Mug", "price": "12.50", "categories": [str(kitchen.pk)]}
    made = manager_client.post("/api/products/", body).json()
    for price in ("9.00", "9.00", "8.00"):
        manager_client.patch(f"/api/products/{made['id']}/", {"price": price, "description": HOSTILE})
    manager_client.delete(f"/api/products/{made['id']}/")
    manager_client.delete(f"/api/products/{made['id']}/")
    manager_client.patch(f"/api/products/{made['id']}/", {"is_active": True})
    mug = Product.objects.get()
    created = Change.objects.filter(object_id=made["id"]).order_by("at", "id")[0]
    assert (created.action, created.actor_id, created.source) == ("created", MIA, "api")
    assert created.differences["categories"] == [[], ["Kitchen"]]
    assert created.differences["price"] == [None, "12.50"]
    assert history(mug) == [
        ("mia", "api", "changed", {"price": ["12.50", "9.00"], "description": ["", HOSTILE]}),
        ("mia", "api", "changed", {"price": ["9.00", "8.00"]}),
        ("mia", "api", "archived", {"is_active": [True, False]}),
        ("mia", "api", "restored", {"is_active": [False, True]}),
    ]
    page = page_of(mia, PRODUCTS, mug)
    places = [page.index(f"<strong>{action}") for action in ("restored", "archived", "changed", "created")]
    assert places == sorted(places)
    assert "price: <del>9.00</del> → <ins>8.00</ins>" in page
    assert HOSTILE not in page


def test_from_the_admin(mia: Client, make_product: MakeProduct) -> None:
    """What is done to many goes the same way. Red with the API's source for all."""
    mug, pot = make_product("Mug"), make_product("Pot")
    agree(mia, ask(mia, "archive", mug, pot))
    for product in (mug, pot):
        assert history(product) == [("mia", "admin", "archived", {"is_active": [True, False]})]
    assert str(mug.pk) in mia.get("/admin/product/change/", {"q": "mia"}).content.decode()


def test_what_is_refused_has_no_line(manager_client: APIClient, make_product: MakeProduct) -> None:
    mug = make_product("Mug", slug="mug")
    make_product("Pot", slug="pot")
    path = f"/api/products/{mug.pk}/"
    assert manager_client.patch(path, {"price": "1.00"}, headers={"If-Match": '"0"'}).status_code == 412
    assert manager_client.patch(path, {"slug": "pot"}).status_code == 400
    assert manager_client.patch(path, {"categories": [str(ObjectId())]}).status_code == 400
    assert history(mug) == []


def test_no_change_without_its_line(make_product: MakeProduct) -> None:
    """The product and its event stand or fall with it. Red where the line is written outside of the transaction."""
    mug = make_product("Mug")
    events = OutboxMessage.objects.count()
    mongo.database.command("collMod", "history_change", validator={"_id": None})
    try:
        with pytest.raises((DatabaseError, PyMongoError)):
            operations.change_product(str(mug.pk), {"price": Decimal(1)})
    finally:
        mongo.database.command("collMod", "history_change", validator={})
    assert Product.objects.get().price == Decimal("12.50")
    assert OutboxMessage.objects.count() == events
    assert history(mug) == []


def test_no_line_without_its_change(make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong after it. Red where `record_all` does not join MongoDB's session."""
    mug = make_product("Mug")

    def killed() -> None:
        assert Change.objects.count() == 2
        raise ZeroDivisionError

    monkeypatch.setattr(operations, "renew", killed)
    with pytest.raises(ZeroDivisionError):
        operations.change_product(str(mug.pk), {"price": Decimal(1)})
    assert history(mug) == []


def test_categories(
    mia: Client, manager_client: APIClient, make_category: MakeCategory, make_product: MakeProduct
) -> None:
    """What leaves a category that is deleted has a line as well, and one that is gone has its page."""
    kitchen, mug = make_category("Kitchen"), make_product("Mug")
    path = f"/api/categories/{kitchen.pk}/"
    for _ in range(2):
        manager_client.post(f"{path}products/", {"product_id": str(mug.pk)})
        manager_client.patch(path, {"name": HOSTILE})
    manager_client.delete(path)
    assert history(kitchen) == [
        ("mia", "api", "changed", {"name": ["Kitchen", HOSTILE]}),
        ("mia", "api", "deleted", {"name": [HOSTILE, None], "slug": ["kitchen", None]}),
    ]
    assert history(mug) == [
        ("mia", "api", "changed", {"categories": [[], ["Kitchen"]]}),
        ("mia", "api", "changed", {"categories": [[HOSTILE], []]}),
    ]
    page = page_of(mia, CATEGORIES, kitchen)
    assert "<strong>deleted</strong>" in page
    assert HOSTILE not in page


def test_the_demonstration_is_a_commands() -> None:
    """Red without `acting` in the command, or without the lines of its categories."""
    for _ in range(2):
        call_command("load_demo", verbosity=0)
    lines = Change.objects.values_list("model", "action", "actor_name", "source")
    assert {line[1:] for line in lines} == {("created", "load_demo", "command")}
    assert sorted({model for model, *_ in lines}) == ["category", "product"]
    assert sum(model == "product" for model, *_ in lines) == Product.objects.count()


def test_who_acts_where_nobody_asked(make_product: MakeProduct) -> None:
    mug = make_product("Mug")
    assert Change.objects.get().source == "platform"
    with acting(Actor(Source.ADMIN, MIA, "mia")):
        operations.change_product(str(mug.pk), {"name": "Cup"})
    assert history(mug) == [("mia", "admin", "changed", {"name": ["Mug", "Cup"]})]
    assert Change.objects.latest("at").object_name == "Cup"


def test_telling_again_is_no_change(make_product: MakeProduct) -> None:
    """Red when `write_down` takes an event for a change."""
    make_product("Mug")
    call_command("announce_products", verbosity=0)
    assert Change.objects.count() == 1
