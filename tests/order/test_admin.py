"""Orders in the back office."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from apps.order.models import Order
from shared.testing.tokens import ALICE, MIA, make_token
from tests.order.conftest import ADDRESS, TEA

pytestmark = pytest.mark.django_db

LIST = "/admin/order/order/"


@pytest.fixture
def mia(trusted_realm: None) -> Client:
    return Client(headers={"authorization": f"Bearer {make_token(MIA, ('manager',))}"})


@pytest.fixture
def orders(shop: None, customer_client: Any) -> list[Order]:
    body = {"shipping_address": ADDRESS, "items": [{"product_id": TEA, "quantity": 2}]}
    ids = [customer_client.post("/api/orders/", body, format="json").json()["id"] for _ in range(3)]
    return [Order.objects.get(pk=UUID(each)) for each in ids]


class TestWhoIsLetIn:
    def test_nobody(self, trusted_realm: None) -> None:
        answer = Client().get(LIST)
        assert answer.status_code == 401
        assert b"/login/?next=/admin/order/order/" in answer.content.replace(b"%2F", b"/")
        assert b"password" not in answer.content

    def test_a_customer(self, trusted_realm: None) -> None:
        answer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"}).get(LIST)
        assert answer.status_code == 403
        assert not User.objects.exists()

    @pytest.mark.parametrize("token", ["nonsense", ""])
    def test_a_token_that_is_not_good(self, trusted_realm: None, token: str) -> None:
        assert Client(headers={"authorization": f"Bearer {token}"}).get(LIST).status_code == 401

    def test_a_manager_who_is_none_any_more(self, mia: Client, orders: list[Order]) -> None:
        """The role is looked at anew with each request, whatever the row of the user says."""
        assert mia.get(LIST).status_code == 200
        User.objects.update(is_staff=True, is_superuser=True)
        demoted = Client(headers={"authorization": f"Bearer {make_token(MIA)}"})
        assert demoted.get(LIST).status_code == 403
        assert demoted.post(f"{LIST}{orders[0].pk}/do/ship/").status_code == 403

    def test_no_cookie_and_no_password(self, mia: Client) -> None:
        answer = mia.get(LIST)
        assert not answer.cookies
        user = User.objects.get()
        assert (user.username, user.has_usable_password(), user.is_staff) == (MIA, False, False)

    def test_a_name_and_password_open_nothing(self, trusted_realm: None) -> None:
        answer = Client().post("/admin/order/login/", {"username": "mia", "password": "mia"})
        assert answer.status_code == 401


def test_a_cache_that_is_away_costs_a_message_and_not_the_operation(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    Order.objects.update(status="confirmed")

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("no cache")

    monkeypatch.setattr("django_redis.cache.RedisCache.set", away)
    assert mia.post(f"{LIST}{orders[0].pk}/do/ship/").status_code == 302
    assert Order.objects.filter(status="shipped").count() == 1


def test_a_database_that_is_away_is_said_so(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("no database")

    monkeypatch.setattr("apps.order.admin.OrderAdmin.get_queryset", away)
    answer = mia.get(LIST)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_the_list_and_what_is_searched(mia: Client, orders: list[Order]) -> None:
    page = mia.get(LIST).content.decode()
    assert all(order.number in page for order in orders)
    for term in (orders[0].number, str(orders[0].pk), orders[0].number.lower().replace("-", " ")):
        found = mia.get(LIST, {"q": term}).content.decode()
        assert [order.number in found for order in orders] == [True, False, False]
    for term in (orders[0].customer_id, "lic"):
        assert orders[2].number in mia.get(LIST, {"q": term}).content.decode()
    assert "0 orders" in mia.get(LIST, {"q": "nobody"}).content.decode()


def test_one_order(mia: Client, orders: list[Order]) -> None:
    page = mia.get(f"{LIST}{orders[0].pk}/change/").content.decode()
    assert all(text in page for text in ("2.50", "5.00", "Main Street 1", "Cancel"))
    assert "Ship</button>" not in page
    slip = mia.get(f"{LIST}{orders[0].pk}/packing-slip/").content.decode()
    assert orders[0].number in slip
    assert "10115 Berlin" in slip


def test_many_at_once(mia: Client, orders: list[Order]) -> None:
    Order.objects.filter(pk__in=[order.pk for order in orders[:2]]).update(status="confirmed")
    chosen = {"action": "ship_selected", "_selected_action": [str(order.pk) for order in orders]}
    page = mia.post(LIST, chosen, follow=True).content.decode()
    assert "2 shipped." in page
    assert orders[2].number in page
    assert "cannot become shipped" in page
    assert sorted(Order.objects.values_list("status", flat=True)) == ["shipped", "shipped", "submitted"]
    assert {(entry.user.get_username(), entry.change_message) for entry in LogEntry.objects.all()} == {
        (MIA, "shipped")
    }


def test_a_button(mia: Client, orders: list[Order]) -> None:
    Order.objects.update(status="confirmed")
    page = mia.post(f"{LIST}{orders[0].pk}/do/ship/", follow=True).content.decode()
    assert "1 shipped." in page
    assert "Deliver</button>" in page
    assert "shipped" in mia.get(f"{LIST}{orders[0].pk}/history/").content.decode()
    assert mia.get(f"{LIST}{orders[0].pk}/do/ship/").status_code == 405


def test_what_a_customer_writes_is_only_text(mia: Client, orders: list[Order]) -> None:
    Order.objects.update(shipping_address={**ADDRESS, "name": "<script>alert(1)</script>"})
    for address in (LIST, f"{LIST}{orders[0].pk}/change/", f"{LIST}{orders[0].pk}/packing-slip/"):
        assert b"<script>alert" not in mia.get(address).content
