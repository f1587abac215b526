"""Orders in the back office."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_redis.exceptions import ConnectionInterrupted

from apps.order import search
from apps.order.models import Order
from shared.admin.figures import KEPT_AS
from shared.admin.options import MOST
from shared.messaging.models import OutboxMessage
from shared.testing.tokens import ALICE, BOB, MIA, make_token
from tests.order.conftest import ADDRESS, TEA

pytestmark = pytest.mark.django_db

LIST = "/admin/order/order/"


Place = Callable[..., Order]


@pytest.fixture
def place(shop: None, trusted_realm: None) -> Place:
    """Places an order as somebody whose token says `claims`."""

    def place(recipient: str = "Alice", subject: str = ALICE, **claims: Any) -> Order:
        address = {**ADDRESS, "name": recipient}
        body = {"shipping_address": address, "items": [{"product_id": TEA, "quantity": 2}]}
        headers = {"authorization": f"Bearer {make_token(subject, **claims)}"}
        answer = Client().post("/api/orders/", body, content_type="application/json", headers=headers)
        return Order.objects.get(pk=UUID(answer.json()["id"]))

    return place


@pytest.fixture
def orders(place: Place) -> list[Order]:
    return [place() for _ in range(3)]


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


def test_the_header_leads_to_the_other_admins_that_the_gateway_names(mia: Client) -> None:
    page = mia.get(LIST, headers={"X-Microcommerce-Admins": "order,review"}).content
    assert b'<a href="/admin/order/" aria-current="true">Order</a>' in page
    assert b'<a href="/admin/review/">Review</a>' in page


def test_a_cache_that_is_away_costs_a_message_and_not_the_operation(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    Order.objects.update(status="confirmed")

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("no cache")

    monkeypatch.setattr("django_redis.cache.RedisCache.set", away)
    assert mia.post(f"{LIST}{orders[0].pk}/do/ship/").status_code == 302
    assert Order.objects.filter(status="shipped").count() == 1


def test_figures_are_kept_for_a_moment_and_not_missed(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many open pages cost one query. Red without the cache, and where a cache that is away is an error."""
    cache.delete(KEPT_AS)
    monkeypatch.setattr("shared.admin.figures.SECONDS_KEPT", 60)
    first = mia.get("/admin/order/figures/").json()
    assert first["being-placed"]["count"] == 3
    Order.objects.update(status="confirmed")
    assert mia.get("/admin/order/figures/").json() == first
    cache.delete(KEPT_AS)

    def away(*_: object, **__: object) -> None:
        raise ConnectionInterrupted("no cache")

    for each in ("get", "set"):
        monkeypatch.setattr(f"django_redis.cache.RedisCache.{each}", away)
    assert mia.get("/admin/order/figures/").json()["to-ship"]["count"] == 3


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
    assert "0 orders" in mia.get(LIST, {"q": "nobody"}).content.decode()


@pytest.fixture
def two(place: Place) -> tuple[Order, Order]:
    """Orders of two customers; the second is of the release before, which kept no names."""
    ann = place("Zoë Ångström", ALICE, preferred_username="ann.one", email="Ann.O_ne@example.com")
    old = place("Bernd", BOB)
    Order.objects.filter(pk=old.pk).update(customer_name=None, customer_email=None)
    return ann, Order.objects.get(pk=old.pk)


def test_orders_are_found_by_whom_they_are_for(two: tuple[Order, Order]) -> None:
    """Red without one of the lines of `search.matching`, and where `_` or `%` stands for any letter."""
    ann, old = two
    for term in (
        ann.number,
        ann.number[:8],
        ann.number[3:].replace("-", " ").lower(),
        str(ann.pk),
        str(ann.pk)[:-3],
        ann.pk.hex[:-3],
        ALICE,
        "ann.o_ne@EXAMPLE.com",
        "ann.o_ne@",
        "ann.o_",
        "ANN.ONE",
        "zoë å",
    ):
        assert list(search.matching(Order.objects.all(), term)) == [ann], term
    for term in (BOB, "bern", old.number, old.number[:-4]):
        assert list(search.matching(Order.objects.all(), term)) == [old], term
    for term in ("ann_o", "%", "nn.one", "@example.com", "Ångström", "MC-", "MC-U", "\\", "-", "x" * 5000):
        assert not search.matching(Order.objects.all(), term).exists(), term


def test_two_bits_of_a_number_lie_before_the_last_digits_of_the_id(orders: list[Order]) -> None:
    """Red without `before_tail`: each of these would be found by the numbers of all."""
    near = [
        Order(id=UUID(f"01a00000-0000-7000-{digits}-7b6c5d4e3f2a")) for digits in ("8000", "8001", "8002")
    ]
    for order in near:
        order.customer_id, order.total, order.currency, order.shipping_address = BOB, 1, "EUR", ADDRESS
        order.save(force_insert=True)
        assert list(search.matching(Order.objects.all(), order.number)) == [order]


def test_every_beginning_of_a_number_finds_its_order(orders: list[Order]) -> None:
    """Red where a range is one letter too long or too short."""
    for order in orders:
        for length in range(4, len(order.number) + 1):
            found = search.matching(Order.objects.all(), order.number[:length])
            assert {each.number for each in found} == {
                each.number for each in orders if each.number.startswith(order.number[:length])
            }


def test_who_ordered_is_shown_to_managers_alone(mia: Client, two: tuple[Order, Order]) -> None:
    """Red with the address in the API's answer or in a message, and without it on one of the pages."""
    ann, old = two
    pages = (LIST, f"{LIST}{ann.pk}/change/")
    for address in pages:
        page = mia.get(address).content.decode()
        assert "ann.one" in page, address
        assert "Ann.O_ne@example.com" in page, address
    assert f"/admin/basket/?customer={ALICE}" in mia.get(pages[1]).content.decode()
    for address in (LIST, f"{LIST}{old.pk}/change/"):
        assert BOB in mia.get(address).content.decode(), address
    answer = mia.get(f"/api/orders/{ann.pk}/").content.decode()
    told = json.dumps(list(OutboxMessage.objects.values("headers", "payload")), default=str)
    assert all("example.com" not in text and "ann.one" not in text for text in (answer, told))


@pytest.mark.parametrize("email", ["x" * 255, "a\0b", 7, ""])
def test_what_cannot_be_kept_of_a_token_is_left_out(place: Place, email: Any) -> None:
    """Red where the database is asked to hold it: nobody could order."""
    assert place(email=email).customer_email is None


def test_what_has_waited_for_long(mia: Client, orders: list[Order]) -> None:
    Order.objects.filter(pk=orders[0].pk).update(created_at=timezone.now() - timedelta(hours=25))
    for hours, shown in (("24", [True, False, False]), ("72", [False] * 3), ("nonsense", [True] * 3)):
        page = mia.get(LIST, {"older": hours}).content.decode()
        assert [order.number in page for order in orders] == shown, hours


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


def test_a_button(mia: Client, orders: list[Order]) -> None:
    Order.objects.update(status="confirmed")
    page = mia.post(f"{LIST}{orders[0].pk}/do/ship/", follow=True).content.decode()
    assert "1 shipped." in page
    assert "Deliver</button>" in page
    assert "shipped" in mia.get(f"{LIST}{orders[0].pk}/history/").content.decode()


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_comes_back_from_a_sign_in_is_led_to_the_order(
    mia: Client, orders: list[Order], method: str
) -> None:
    """The gateway sends a browser back by GET. Red with `require_POST`, and where a GET ships."""
    Order.objects.update(status="confirmed")
    answer = getattr(mia, method)(f"{LIST}{orders[0].pk}/do/ship/")
    assert (answer.status_code, answer.url) == (302, f"{LIST}{orders[0].pk}/change/")
    assert "Nothing was done" in mia.get(answer.url).content.decode()
    assert mia.put(f"{LIST}{orders[0].pk}/do/ship/").status_code == 405
    assert not Order.objects.filter(status="shipped").exists()


def test_everything_is_done_to_no_more_than_were_agreed_to(
    mia: Client, orders: list[Order], place: Place
) -> None:
    """Red where the question sends `select_across` on: an order that came meanwhile is cancelled with the others."""
    everything = {"action": "cancel_selected", "select_across": "1", "_selected_action": [str(orders[0].pk)]}
    asked = mia.post(LIST, everything).content.decode()
    ids = re.findall(r'name="_selected_action" value="([^"]+)"', asked)
    assert set(ids) == {str(order.pk) for order in orders}
    assert 'name="select_across" value="0"' in asked
    later = place()
    agreed = {"action": "cancel_selected", "select_across": "0", "_selected_action": ids, "confirmed": "yes"}
    assert "Cancel these orders?" in mia.post(LIST, {**everything, "confirmed": "yes"}).content.decode()
    assert not Order.objects.filter(cancellation_requested_at__isnull=False).exists()
    assert "3 asked to be cancelled." in mia.post(LIST, agreed, follow=True).content.decode()
    assert not Order.objects.get(pk=later.pk).is_being_cancelled


@pytest.mark.parametrize("action", ["ship_selected", "deliver_selected", "cancel_selected"])
def test_too_many_at_once_are_refused(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Red without `MOST` in `for_each`, or in `ask_first`."""
    Order.objects.update(status="shipped" if action == "deliver_selected" else "confirmed")
    before = list(Order.objects.order_by("pk").values())
    monkeypatch.setattr("shared.admin.options.MOST", 2)
    everything = {"action": action, "select_across": "1", "_selected_action": [str(orders[0].pk)]}
    assert "at once are the most" in mia.post(LIST, everything, follow=True).content.decode()
    assert list(Order.objects.order_by("pk").values()) == before


def test_a_yes_carries_as_many_ids_as_may_be(mia: Client, orders: list[Order]) -> None:
    """Red with Django's own limit of a thousand fields."""
    ids = [str(orders[0].pk), *(str(uuid4()) for _ in range(MOST - 1))]
    agreed = {"action": "cancel_selected", "select_across": "0", "_selected_action": ids, "confirmed": "yes"}
    assert "1 asked to be cancelled." in mia.post(LIST, agreed, follow=True).content.decode()


def test_what_there_is_no_time_for_is_said(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without the clock in `for_each`: the gateway gives up, and nobody knows what was done."""
    Order.objects.update(status="confirmed")
    monkeypatch.setattr("shared.admin.options.SECONDS", -1)
    chosen = {"action": "ship_selected", "_selected_action": [str(order.pk) for order in orders]}
    assert "3 are left" in mia.post(LIST, chosen, follow=True).content.decode()
    assert not Order.objects.filter(status="shipped").exists()


def test_who_is_called_mc_something_is_found_by_name(place: Place) -> None:
    """Red where MC without a dash is the beginning of a number and nothing else."""
    for name in ("McGrath", "McKay"):
        order = place(name)
        place("Someone Else")
        assert order in search.matching(Order.objects.all(), name), name
        assert order in search.matching(Order.objects.all(), name[:3].upper()), name
        assert order in search.matching(Order.objects.all(), order.number.replace("-", "")[:7]), name


def test_a_packing_slip_does_not_name_the_buyer(mia: Client, two: tuple[Order, Order]) -> None:
    """A present is opened by somebody else. Red with the buyer's address, name or id on it."""
    for order in two:
        slip = mia.get(f"{LIST}{order.pk}/packing-slip/").content.decode()
        assert order.number in slip
        for text in ("example.com", "ann.one", order.customer_id):
            assert text not in slip, text


def test_what_a_customer_writes_is_only_text(mia: Client, orders: list[Order]) -> None:
    Order.objects.update(shipping_address={**ADDRESS, "name": "<script>alert(1)</script>"})
    for address in (LIST, f"{LIST}{orders[0].pk}/change/", f"{LIST}{orders[0].pk}/packing-slip/"):
        assert b"<script>alert" not in mia.get(address).content


def test_what_needs_doing_in_numbers(
    mia: Client, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted no further than anybody wants to know. Red without `MOST` in `counted`, or with the newest as the oldest."""
    Order.objects.update(status="confirmed")
    figures = mia.get("/admin/order/figures/").json()
    oldest = min(order.created_at for order in orders)
    assert figures["to-ship"]["oldest_at"] == oldest.isoformat(timespec="milliseconds")[:-6] + "Z"
    assert (figures["to-ship"]["count"], figures["to-ship"]["is_more"]) == (3, False)
    assert figures["being-placed"] == {"count": 0, "is_more": False, "oldest_at": None}
    monkeypatch.setattr("shared.admin.figures.MOST", 2)
    more = mia.get("/admin/order/figures/").json()["to-ship"]
    assert (more["count"], more["is_more"]) == (2, True)
    customer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
    assert customer.get("/admin/order/figures/").status_code == 403
    assert mia.post("/admin/order/figures/").status_code == 405


def test_cancelling_is_asked_about_first(mia: Client, orders: list[Order]) -> None:
    """One by its button, many from the list; a no leads back to where one was. Red without `ask_first`."""
    page = f"{LIST}{orders[0].pk}/change/"
    button, chosen = f"{LIST}{orders[0].pk}/do/cancel/", {"_selected_action": [str(orders[1].pk)]}
    for address, form, back in (
        (button, {}, page),
        (LIST, {"action": "cancel_selected", **chosen}, LIST),
    ):
        asked = mia.post(address, form).content.decode()
        assert "Cancel these orders?" in asked
        assert f'href="{back}">Cancel' in asked
        assert not Order.objects.filter(
            cancellation_requested_at__isnull=False, pk__in=[orders[1].pk]
        ).exists()
        done = mia.post(address, {**form, "confirmed": "yes"}, follow=True).content.decode()
        assert "1 asked to be cancelled." in done
    assert Order.objects.filter(cancellation_requested_at__isnull=False).count() == 2
