"""A customer's basket in the back office."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from shared.settings.service import cache
from shared.testing.tokens import ALICE, BOB, make_token
from tests.basket import shop
from tests.basket.servers import OwnRedis
from tests.basket.shop import CUP, PEN, item_url

PAGE = "/admin/basket/"


@pytest.fixture
def filled(catalogue: None, customer_client: APIClient) -> APIClient:
    """Alice has three pens, and a cup that is not sold any more."""
    for product, quantity in ((PEN, 3), (CUP, 1)):
        assert customer_client.put(item_url(product), {"quantity": quantity}).status_code == 200
    shop.archive(CUP)
    return customer_client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_only_managers_look_into_baskets(mia: Client, filled: APIClient) -> None:
    """Red without `AdminIdentity`: the page has no other guard at the service's own port."""
    assert Client().get(PAGE, {"customer": ALICE}).status_code == 401
    alice = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
    answer = alice.get(PAGE, {"customer": ALICE})
    assert (answer.status_code, b"Pen" in answer.content) == (403, False)
    assert mia.get(PAGE).status_code == 200


def test_a_customers_basket(mia: Client, filled: APIClient) -> None:
    """What the customer sees, and when they changed it. Red where what cannot be bought counts in the total."""
    page = text_of(mia.get(PAGE, {"customer": f" {ALICE} "}))
    assert all(text in page for text in ("Pen", "1.20", "Gone", "no: archived", "3.60 EUR", "UTC"))
    assert f'href="/admin/order/order/?q={ALICE}"' in page
    assert 'aria-current="true">Basket<' in page
    assert "The basket is empty" in text_of(mia.get(PAGE, {"customer": BOB}))


def test_it_only_shows(mia: Client, filled: APIClient) -> None:
    """Red without `require_safe`. No cookie is set, and nothing is kept about the manager."""
    before = filled.get("/api/basket/").json()
    for method in (mia.post, mia.put, mia.delete):
        assert method(f"{PAGE}?customer={ALICE}").status_code == 405
    assert not mia.get(PAGE, {"customer": ALICE}).cookies
    assert filled.get("/api/basket/").json() == before


@pytest.mark.parametrize("typed", ["alice@example.com", "1:auth:jwks", "*", "a" * 5000, "\0", f"{ALICE}\n"])
def test_what_is_no_customers_id_is_not_looked_up(mia: Client, redis: Any, typed: str) -> None:
    """Redis has more than baskets below the same prefix. Red where the key is made of whatever was typed."""
    redis.set("basket:1:auth:jwks", "not a basket")
    page = text_of(mia.get(PAGE, {"customer": typed}))
    assert "The basket is empty" not in page or typed.strip() == ALICE


def test_what_people_write_is_only_text(mia: Client, filled: APIClient) -> None:
    """Red with `mark_safe`, or `|safe` in the template."""
    shop.offer(PEN, "<script>alert(1)</script>", "1.20", version=2)
    assert "<script>alert" not in text_of(mia.get(PAGE, {"customer": ALICE}))
    page = text_of(mia.get(PAGE, {"customer": '"><script>alert(1)</script>'}))
    assert "<script>alert" not in page
    assert "/admin/order/order/?q=%22%3E%3Cscript" in page


def test_a_redis_that_is_away_is_said_so(mia: Client, settings: Settings, tmp_path: Path) -> None:
    """A page, not a fault. Red without `process_exception` in `AdminIdentity`."""
    server = OwnRedis(tmp_path)
    settings.CACHES = {"default": cache(server.url, settings.SERVICE_NAME)}
    assert mia.get(PAGE, {"customer": ALICE}).status_code == 200
    server.kill()
    answer = mia.get(PAGE, {"customer": ALICE})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"cannot be reached" in answer.content
