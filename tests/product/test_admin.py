"""The catalogue in the back office, on MongoDB."""

import time
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from shared.testing.tokens import ALICE, BOB, MIA, make_token
from tests.product.test_store_away import HURRY, PATIENCE

if TYPE_CHECKING:
    from tests.product.conftest import MakeCategory, MakeProduct
    from tests.product.mongod import Mongod

PRODUCTS, CATEGORIES = "/admin/product/product/", "/admin/product/category/"


def signed_in(subject: str, *roles: str) -> Client:
    """A browser behind the front door."""
    return Client(headers={"authorization": f"Bearer {make_token(subject, roles)}"})


@pytest.fixture
def mia(trusted_realm: None) -> Client:
    return signed_in(MIA, "manager")


def test_only_managers(trusted_realm: None, make_product: "MakeProduct") -> None:
    from django.contrib.auth.models import User

    product = make_product()
    for address in ("/admin/product/", PRODUCTS, CATEGORIES, f"{PRODUCTS}{product.pk}/change/"):
        assert (Client().get(address).status_code, signed_in(ALICE, "customer").get(address).status_code) == (
            401,
            403,
        ), address
    assert not User.objects.exists()


def test_the_row_of_a_manager_is_made_from_the_token(mia: Client) -> None:
    from django.contrib.auth.models import User

    for _ in range(2):
        assert mia.get("/admin/product/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.first_name, user.is_staff, user.has_usable_password()) == (
        MIA,
        "mia",
        False,
        False,
    )


def test_the_lists(mia: Client, make_product: "MakeProduct", make_category: "MakeCategory") -> None:
    make_product("Blue mug", categories=[make_category("Kitchen").pk])
    assert "Blue mug" in mia.get(PRODUCTS).content.decode()
    assert "Kitchen" in mia.get(CATEGORIES).content.decode()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_mongodb_that_is_away_is_said_so_in_time(
    own_mongod: "Mongod", mia: Client, make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Whoever is known and whoever is not. Red without `STORE_IS_AWAY`, and with `DeadlineMiddleware` inside of the admin's."""
    product = make_product()
    assert mia.get(PRODUCTS).status_code == 200
    own_mongod.kill() if how == "killed" else own_mongod.freeze()
    monkeypatch.setattr("apps.product.store.DEADLINE", HURRY)
    for client in (mia, signed_in(BOB, "manager")):
        for address in ("/admin/product/", PRODUCTS, f"{PRODUCTS}{product.pk}/change/"):
            started = time.monotonic()
            answer = client.get(address)
            assert time.monotonic() - started < PATIENCE, address
            assert (answer.status_code, answer["Retry-After"]) == (503, "2"), address
            assert "The database cannot be reached" in answer.content.decode()
    own_mongod.start() if how == "killed" else own_mongod.thaw()
    monkeypatch.setattr("apps.product.store.DEADLINE", 60.0)
    assert mia.get(PRODUCTS).status_code == 200
