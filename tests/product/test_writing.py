"""Managers write the catalogue, and every change is told."""

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.product.commands import outbox

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeCategory, MakeProduct


def test_a_product_comes_into_the_catalogue(
    manager_client: "APIClient", anonymous_client: "APIClient", make_category: "MakeCategory"
) -> None:
    kitchen = make_category()
    body = {
        "name": " Coffee Mug ",
        "description": "Two\r\nlines.",
        "price": "7.9",
        "currency": "CHF",
        "categories": [str(kitchen.pk)],
        "image": "https://pictures.example.com/mug.jpg?size=400",
    }
    response = manager_client.post("/api/products/", body)
    assert response.status_code == 201
    made = response.json()
    assert response["Location"] == f"http://localhost:8000/api/products/{made['id']}/"
    assert anonymous_client.get(response["Location"]).json() == made
    assert (made["name"], made["slug"], made["price"], made["version"]) == (
        "Coffee Mug",
        "coffee-mug",
        "7.90",
        1,
    )
    assert (made["description"], made["image"]) == ("Two\nlines.", body["image"])
    event = {
        "product_id": made["id"],
        "name": "Coffee Mug",
        "price": "7.90",
        "currency": "CHF",
        "is_active": True,
        "version": 1,
    }
    assert outbox() == [("product.created.v1", event)]


def test_what_is_not_given_is_made_up(manager_client: "APIClient") -> None:
    first = manager_client.post("/api/products/", {"name": "Mug", "price": "1.00"}).json()
    second = manager_client.post("/api/products/", {"name": "Mug", "price": "2"}).json()
    third = manager_client.post("/api/products/", {"name": "杯子", "price": "0.00"}).json()
    assert (first["slug"], first["currency"], first["is_active"], first["categories"]) == (
        "mug",
        "EUR",
        True,
        [],
    )
    assert second["slug"] == f"mug-{second['id']}"
    assert (second["price"], third["slug"]) == ("2.00", third["id"])


def test_a_category_that_is_named_twice_counts_once(
    manager_client: "APIClient", make_category: "MakeCategory"
) -> None:
    kitchen = str(make_category().pk)
    made = manager_client.post(
        "/api/products/", {"name": "Mug", "price": "1.00", "categories": [kitchen, kitchen]}
    )
    assert [category["id"] for category in made.json()["categories"]] == [kitchen]


def test_a_change_is_told_with_a_higher_version(
    manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    mug = make_product(description="Old.")
    address = f"/api/products/{mug.pk}/"
    patched = manager_client.patch(address, {"price": "15.00"})
    assert patched.status_code == 200
    put = manager_client.put(address, {"name": "Big Mug", "price": "16.00"}).json()
    assert (patched.json()["version"], put["version"]) == (2, 3)
    assert (put["name"], put["description"], put["slug"]) == ("Big Mug", "Old.", "mug")
    assert put["updated_at"] > put["created_at"]
    told = [(kind, data["version"], data["price"]) for kind, data in outbox()[1:]]
    assert told == [("product.updated.v1", 2, "15.00"), ("product.updated.v1", 3, "16.00")]


def test_what_was_read_can_be_sent_back_and_changes_nothing(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    mug = make_product(categories=[make_category().pk], image="/media/products/mug.svg")
    address = f"/api/products/{mug.pk}/"
    read = manager_client.get(address).json()
    response = manager_client.put(address, read)
    assert response.status_code == 200
    assert response.json() == read
    assert len(outbox()) == 1
    assert manager_client.get(address).json() == read


def test_fields_that_are_not_a_managers_are_ignored(
    manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    mug = make_product()
    address = f"/api/products/{mug.pk}/"
    before = manager_client.get(address).json()
    taken = {"id": "0" * 24, "pk": "0" * 24, "_id": "0" * 24, "version": 99, "created_at": "2000-01-01T00:00:00Z",
             "updated_at": "2000-01-01T00:00:00Z", "words": ["x"], "$set": {"price": 0}, "price.x": 1}  # fmt: skip
    assert manager_client.patch(address, taken).json() == before
    made = manager_client.post("/api/products/", {"name": "Pan", "price": "1.00", **taken}).json()
    assert made["id"] != "0" * 24
    assert made["version"] == 1
    assert made["created_at"] > "2026"


def test_archiving_is_told_once_and_can_be_undone(
    manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    address = f"/api/products/{make_product().pk}/"
    assert manager_client.delete(address).status_code == 204
    assert manager_client.delete(address).status_code == 204
    assert manager_client.patch(address, {"is_active": True}).json()["version"] == 3
    assert manager_client.patch(address, {"is_active": False}).json()["version"] == 4
    told = [(kind, data["version"], data["is_active"]) for kind, data in outbox()[1:]]
    assert told == [
        ("product.archived.v1", 2, False),
        ("product.updated.v1", 3, True),
        ("product.archived.v1", 4, False),
    ]


def test_a_slug_belongs_to_one_product(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    make_product("Mug")
    pan = make_product("Pan")
    for response in (
        manager_client.post("/api/products/", {"name": "Other", "price": "1.00", "slug": "mug"}),
        manager_client.patch(f"/api/products/{pan.pk}/", {"slug": "mug"}),
    ):
        assert response.status_code == 400
        assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [
            ("slug", "unique")
        ]
    assert manager_client.patch(f"/api/products/{pan.pk}/", {"slug": "pan", "name": "Wok"}).status_code == 200


def test_a_category_lives(manager_client: "APIClient") -> None:
    made = manager_client.post("/api/categories/", {"name": "Kitchen & Home"})
    assert made.status_code == 201
    assert made["Location"] == f"http://localhost:8000/api/categories/{made.json()['id']}/"
    assert made.json()["slug"] == "kitchen-home"
    assert manager_client.put(made["Location"], {"name": "Home"}).json()["slug"] == "kitchen-home"
    assert manager_client.patch(made["Location"], {"slug": "home"}).json() == {
        "id": made.json()["id"],
        "name": "Home",
        "slug": "home",
    }
    assert manager_client.post("/api/categories/", {"name": "X", "slug": "home"}).status_code == 400
    assert manager_client.delete(made["Location"]).status_code == 204
    assert manager_client.get(made["Location"]).status_code == 404
    assert manager_client.delete(made["Location"]).status_code == 404
    assert outbox() == []


def test_products_go_in_and_out_of_categories(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    mug, kitchen = make_product(), make_category()
    address = f"/api/categories/{kitchen.pk}/products/"
    put = manager_client.post(address, {"product_id": str(mug.pk)})
    assert (put.status_code, put.json()["version"]) == (201, 2)
    assert [category["name"] for category in put.json()["categories"]] == ["Kitchen"]
    assert manager_client.post(address, {"product_id": str(mug.pk)}).status_code == 200
    assert manager_client.get("/api/products/?category=kitchen").json()["count"] == 1
    assert manager_client.delete(f"{address}{mug.pk}/").status_code == 204
    assert manager_client.delete(f"{address}{mug.pk}/").status_code == 204
    assert manager_client.get(f"/api/products/{mug.pk}/").json()["categories"] == []
    assert [data["version"] for _, data in outbox()] == [1, 2, 3]


def test_putting_in_and_taking_out_name_what_is_missing(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    mug, kitchen, nothing = make_product(), make_category(), "0" * 24
    unknown = manager_client.post(f"/api/categories/{kitchen.pk}/products/", {"product_id": nothing})
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["field"] == "product_id"
    assert (
        manager_client.post(f"/api/categories/{nothing}/products/", {"product_id": str(mug.pk)}).status_code
        == 404
    )
    assert manager_client.delete(f"/api/categories/{kitchen.pk}/products/{nothing}/").status_code == 404
    assert manager_client.delete(f"/api/categories/{nothing}/products/{mug.pk}/").status_code == 404
    assert manager_client.delete(f"/api/categories/{kitchen.pk}/products/$ne/").status_code == 404
    assert len(outbox()) == 1


def test_deleting_a_category_takes_its_products_out(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    from apps.product.models import Product

    kitchen, garden = make_category("Kitchen"), make_category("Garden")
    both = make_product("Both", categories=[kitchen.pk, garden.pk])
    make_product("Other", categories=[garden.pk])
    manager_client.delete(f"/api/categories/{kitchen.pk}/")
    both.refresh_from_db()
    assert (both.categories, both.version) == ([garden.pk], 2)
    assert Product.objects.get(name="Other").version == 1
    assert [(kind, data["name"], data["version"]) for kind, data in outbox()[2:]] == [
        ("product.updated.v1", "Both", 2)
    ]


def test_a_category_of_any_size_can_be_deleted(
    manager_client: "APIClient", make_category: "MakeCategory", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when more products than one transaction bears make it stay, or are told twice."""
    from apps.product import operations
    from apps.product.models import Category, Product

    monkeypatch.setattr(operations, "EMPTIED_AT_ONCE", 100)
    kitchen = make_category()
    Product.objects.bulk_create(
        Product(name="P", slug=f"p-{n}", price=Decimal(1), currency="EUR", categories=[kitchen.pk])
        for n in range(250)
    )
    assert manager_client.delete(f"/api/categories/{kitchen.pk}/").status_code == 204
    assert not Category.objects.filter(pk=kitchen.pk).exists()
    assert Product.objects.filter(categories__contains=[kitchen.pk]).count() == 0
    assert set(Product.objects.values_list("version", flat=True)) == {2}
    assert len({data["product_id"] for _, data in outbox()}) == len(outbox()) == 250
