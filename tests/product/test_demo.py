"""The demonstration: the same on every machine, loaded as often as anybody likes."""

from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from django.core.management import call_command

from apps.product.demo import catalogue
from apps.product.models import Category, Product
from tests.product.commands import outbox

if TYPE_CHECKING:
    from rest_framework.test import APIClient


def load() -> str:
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue().splitlines()[-1]


def test_there_is_enough_to_choose_from(anonymous_client: "APIClient") -> None:
    assert load() == "The demonstration has 120 products in 10 categories; 120 were new."
    products = list(Product.objects.all())
    assert len(products) >= 100
    assert min(Counter(product.categories[0] for product in products).values()) == 12
    assert Category.objects.count() >= 8
    first = anonymous_client.get("/api/products/").json()["results"]
    assert len({product["categories"][0]["slug"] for product in first}) == 10
    assert all(product["description"] and product["currency"] == "EUR" for product in first)
    assert [kind for kind, _ in outbox()] == ["product.created.v1"] * 120


def test_loading_again_changes_nothing() -> None:
    load()
    before = list(Product.objects.order_by("pk").values())
    assert load() == "The demonstration has 120 products in 10 categories; 0 were new."
    assert list(Product.objects.order_by("pk").values()) == before
    assert len(outbox()) == 120


def test_loading_again_brings_back_what_is_missing_and_keeps_what_managers_did() -> None:
    from apps.product import operations

    load()
    kite = catalogue.by_slug()["pocket-kite"]
    Product.objects.filter(pk=kite.id).delete()
    changed = catalogue.by_slug()["stunt-kite"]
    operations.change_product(str(changed.id), {"name": "Wilder Kite"})
    assert load().endswith("1 were new.")
    assert Product.objects.get(pk=kite.id).name == "Pocket Kite"
    assert Product.objects.get(pk=changed.id).name == "Wilder Kite"


def test_a_slug_that_is_taken_is_stepped_aside_of(make_product: "object") -> None:
    from apps.product import operations

    operations.create_product({"name": "Pocket Kite", "price": catalogue.by_slug()["pocket-kite"].price})
    load()
    assert Product.objects.filter(name="Pocket Kite").count() == 2


def test_ids_are_the_same_everywhere() -> None:
    assert str(catalogue.by_slug()["pocket-kite"].id) == "b5a421b6e740c61fdf68b30a"


def test_every_product_has_a_picture_of_its_own(anonymous_client: "APIClient") -> None:
    load()
    page = anonymous_client.get("/api/products/?page_size=100").json()
    addresses = [product["image"] for product in page["results"]]
    pictures = [anonymous_client.get(address) for address in addresses]
    assert {picture.status_code for picture in pictures} == {200}
    assert len({picture.content for picture in pictures}) == 100
    for picture in pictures:
        assert picture["Content-Type"] == "image/svg+xml"
        assert len(picture.content) < 4096
        assert len(ET.fromstring(picture.content)) > 5
        assert b"<script" not in picture.content


def test_a_picture_is_kept_by_whoever_has_it(anonymous_client: "APIClient") -> None:
    picture = anonymous_client.get("/media/products/pocket-kite.svg")
    assert picture["Cache-Control"] == "public, max-age=2592000"
    assert picture["Content-Security-Policy"].startswith("default-src 'none'")
    again = anonymous_client.get("/media/products/pocket-kite.svg", HTTP_IF_NONE_MATCH=picture["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == picture["Cache-Control"]


@pytest.mark.parametrize(
    "name", ["nothing.svg", "pocket-kite.png", "../settings.svg", "%2e%2e.svg", "pocket-kite.svg/"]
)
def test_no_other_picture_is_there(anonymous_client: "APIClient", name: str) -> None:
    assert anonymous_client.get(f"/media/products/{name}").status_code == 404
    assert anonymous_client.post("/media/products/pocket-kite.svg").status_code == 405
