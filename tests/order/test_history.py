"""Who changed an order: from the API and the admin alike, in the transaction of the change."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.order import operations
from apps.order.models import Order
from shared import contracts
from shared.history.models import Change
from shared.messaging.models import OutboxMessage
from shared.messaging.outbox import OutsideTransaction
from shared.testing.messages import received
from shared.testing.tokens import ALICE, MIA, make_token
from tests.order.conftest import ADDRESS, TEA

pytestmark = pytest.mark.django_db

LIST, CHANGES = "/admin/order/order/", "/admin/order/change/"
HOSTILE = "<script>alert(1)</script>"
Told = tuple[str, str, str, str, dict[str, Any], str]


@pytest.fixture
def orders(shop: None, customer_client: APIClient) -> list[Order]:
    body = {"shipping_address": ADDRESS, "items": [{"product_id": TEA, "quantity": 2}]}
    ids = [customer_client.post("/api/orders/", body, format="json").json()["id"] for _ in range(3)]
    Order.objects.update(status="confirmed")
    OutboxMessage.objects.all().delete()
    return [Order.objects.get(pk=UUID(each)) for each in ids]


def history(order: Order) -> list[Told]:
    """What is written down of `order`, oldest first."""
    found = Change.objects.filter(model="order", object_id=str(order.pk)).order_by("id")
    return [(c.actor_id, c.actor_name, c.source, c.action, c.differences, c.reason) for c in found]


def page_of(client: Client, order: Order, **query: Any) -> str:
    """The order's History page."""
    return client.get(f"{LIST}{order.pk}/history/", query).content.decode()


SHIPPED = ("shipped", {"status": ["confirmed", "shipped"]}, "")


def test_from_the_api_and_from_the_admin(mia: Client, manager_client: APIClient, orders: list[Order]) -> None:
    """Red without `record` in `operations._change`; or with one source for both."""
    manager_client.post(f"/api/orders/{orders[0].pk}/ship/")
    mia.post(f"{LIST}{orders[1].pk}/do/ship/")
    assert history(orders[0]) == [(MIA, "mia", "api", *SHIPPED)]
    assert history(orders[1]) == [(MIA, "mia", "admin", *SHIPPED)]
    assert history(orders[2]) == []
    assert not LogEntry.objects.exists()


def test_a_customer_cancels(mia: Client, customer_client: APIClient, orders: list[Order]) -> None:
    """Once, however often it is asked for. Red when `_change` records what did not happen."""
    for _ in range(2):
        answer = customer_client.post(f"/api/orders/{orders[0].pk}/cancel/", {"reason": HOSTILE})
        assert answer.status_code == 202
    assert history(orders[0]) == [(ALICE, "alice", "api", "asked to be cancelled", {}, HOSTILE)]
    page = page_of(mia, orders[0])
    assert "alice</a> (its customer)" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_each_of_many(mia: Client, orders: list[Order]) -> None:
    """One that cannot be shipped has no line."""
    Order.objects.filter(pk=orders[2].pk).update(status="submitted")
    chosen = {"action": "ship_selected", "_selected_action": [str(order.pk) for order in orders]}
    mia.post(LIST, chosen)
    assert [history(order) for order in orders] == [[(MIA, "mia", "admin", *SHIPPED)]] * 2 + [[]]


def test_no_change_without_its_line(manager_client: APIClient, orders: list[Order]) -> None:
    """The order and its event stand or fall with it. Red with `transaction.on_commit` around `record`."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE history_change ADD CONSTRAINT is_full CHECK (false) NOT VALID")
    try:
        with pytest.raises(IntegrityError):
            manager_client.post(f"/api/orders/{orders[0].pk}/ship/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE history_change DROP CONSTRAINT is_full")
    assert Order.objects.get(pk=orders[0].pk).status == "confirmed"
    assert not OutboxMessage.objects.exists()
    assert history(orders[0]) == []


def test_no_line_without_its_change(
    manager_client: APIClient, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong after it was written. Red when the line has a transaction of its own."""

    def killed(*_: object) -> None:
        assert Change.objects.exists()
        raise ZeroDivisionError

    monkeypatch.setattr("apps.order.operations.outbox.publish", killed)
    with pytest.raises(ZeroDivisionError):
        operations.ship(orders[0].pk)
    assert not Change.objects.exists()
    assert Order.objects.get(pk=orders[0].pk).status == "confirmed"


def test_a_line_is_written_in_a_transaction(orders: list[Order]) -> None:
    from shared.history.record import record

    with pytest.raises(OutsideTransaction):
        record(orders[0], "shipped", {})


@pytest.mark.parametrize("change", [{"actor_name": "somebody else"}, None])
def test_what_is_written_stays(mia: Client, orders: list[Order], change: dict[str, str] | None) -> None:
    """Red without the migration 0002_changes_stay."""
    mia.post(f"{LIST}{orders[0].pk}/do/ship/")
    lines = Change.objects.all()
    with pytest.raises(IntegrityError), transaction.atomic():
        lines.update(**change) if change else lines.delete()
    assert len(history(orders[0])) == 1


class TestThePage:
    def test_newest_first_with_what_the_order_remembers(self, mia: Client, orders: list[Order]) -> None:
        for step in ("ship", "deliver"):
            mia.post(f"{LIST}{orders[0].pk}/do/{step}/")
        page = page_of(mia, orders[0])
        places = [page.index(f"<strong>{action}</strong>") for action in ("delivered", "shipped", "placed")]
        assert places == sorted(places)
        assert "status: <del>confirmed</del> → <ins>shipped</ins>" in page
        assert " UTC</time>" in page
        assert f'<a href="{CHANGES}?actor_id={MIA}" title="{MIA}">mia</a>' in page

    @pytest.mark.parametrize(
        ("command", "action"), [(contracts.ConfirmOrder, "confirmed"), (contracts.CancelOrder, "cancelled")]
    )
    def test_what_the_platform_did(
        self, mia: Client, customer_client: APIClient, orders: list[Order], command: Any, action: str
    ) -> None:
        Order.objects.update(status="submitted")
        if action == "cancelled":
            customer_client.post(f"/api/orders/{orders[0].pk}/cancel/", {})
        with transaction.atomic():
            operations.apply_commands([received(command(order_id=orders[0].pk, reason="for a reason"))])
        page = page_of(mia, orders[0])
        assert f"<td>the platform\n<td>platform\n<td><strong>{action}</strong>: for a reason" in page
        assert page.index(f"<strong>{action}") < page.index("<strong>placed")

    def test_a_long_one_has_pages(self, mia: Client, orders: list[Order]) -> None:
        """Each line once. Red when a known line moves a change to a page that has been left."""
        began = timezone.now()
        Change.objects.bulk_create(
            Change(
                model="order",
                object_id=str(orders[0].pk),
                action=f"step-{number}-",
                source="api",
                at=began + timedelta(seconds=number),
            )
            for number in range(120)
        )
        pages = [page_of(mia, orders[0], p=number) for number in (1, 2, 3)]
        assert [page.count("<td><strong>") for page in pages] == [50, 50, 22]
        assert all(sum(f"step-{number}-" in page for page in pages) == 1 for number in range(120))
        assert "<strong>placed</strong>" in pages[2]
        assert page_of(mia, orders[0], p="x") == pages[0]

    def test_it_is_one_click_away(self, mia: Client, orders: list[Order]) -> None:
        mia.post(f"{LIST}{orders[0].pk}/do/ship/")
        change = Change.objects.get()
        for page in (f"{LIST}{orders[0].pk}/", f"{CHANGES}{change.pk}/"):
            assert f'href="{page}history/"' in mia.get(f"{page}change/").content.decode()
            assert mia.get(f"{page}history/").status_code == 200

    def test_of_nothing(self, mia: Client, orders: list[Order]) -> None:
        for key in (UUID(int=0), "x", "%00"):
            assert mia.get(f"{LIST}{key}/history/").status_code == 302

    def test_only_managers(self, customer_client: APIClient, orders: list[Order]) -> None:
        customer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
        for address in (f"{LIST}{orders[0].pk}/history/", CHANGES):
            assert (Client().get(address).status_code, customer.get(address).status_code) == (401, 403)


class TestAllChanges:
    @pytest.fixture
    def many(
        self, mia: Client, manager_client: APIClient, customer_client: APIClient, orders: list[Order]
    ) -> list[Order]:
        """One by mia in the admin, one by her from the API, one by alice."""
        mia.post(f"{LIST}{orders[0].pk}/do/ship/")
        manager_client.post(f"/api/orders/{orders[1].pk}/ship/")
        customer_client.post(f"/api/orders/{orders[2].pk}/cancel/", {"reason": HOSTILE})
        return orders

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, [0, 1, 2]),
            ({"actor_id": MIA}, [0, 1]),
            ({"source__exact": "api"}, [1, 2]),
            ({"model": "order"}, [0, 1, 2]),
            ({"model": "nothing"}, [0, 1, 2]),
            ({"actor_id": "\x00"}, [0, 1, 2]),
            ({"at__gte": "2100-01-01 00:00:00+00:00"}, []),
            ({"q": "mia"}, [0, 1]),
            ({"q": ALICE}, [2]),
            ({"q": "nobody"}, []),
        ],
    )
    def test_what_is_found(
        self, mia: Client, many: list[Order], query: dict[str, str], found: list[int]
    ) -> None:
        page = mia.get(CHANGES, query).content.decode()
        assert [place for place, order in enumerate(many) if f"{LIST}{order.pk}/history/" in page] == found
        assert HOSTILE not in page

    def test_an_objects_id(self, mia: Client, many: list[Order]) -> None:
        page = mia.get(CHANGES, {"q": str(many[1].pk)}).content.decode()
        assert [order.number in page for order in many] == [False, True, False]

    def test_nothing_is_written_there(self, mia: Client, many: list[Order]) -> None:
        change = Change.objects.latest("id")
        assert mia.post(f"{CHANGES}{change.pk}/change/", {"actor_name": "x"}).status_code == 403
        assert mia.post(f"{CHANGES}{change.pk}/delete/", {"post": "yes"}).status_code == 403
        assert mia.get(f"{CHANGES}add/").status_code == 403

    def test_the_services_first_page_has_the_latest(self, mia: Client, many: list[Order]) -> None:
        page = mia.get("/admin/order/").content.decode()
        assert f"{many[2].number}: asked to be cancelled" in page
        assert f'href="{CHANGES}"' in page
