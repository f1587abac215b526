"""An order after it was placed: commands from the saga, cancelling, shipping, who sees it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.order import operations, product_copy, transitions
from apps.order.errors import UnknownOrder, WrongState
from apps.order.identifiers import new_order_id, order_number
from apps.order.models import TRANSITIONS, Order, ProductCopy, Status
from shared import contracts as c
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received
from tests.accept import BROWSER
from tests.order.conftest import CUP, TEA, UNKNOWN, product
from tests.order.test_placing import place, slug

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def order(customer_client: APIClient) -> Order:
    place(customer_client)
    OutboxMessage.objects.all().delete()
    return Order.objects.get()


def command(kind: type[c.Message], order: Order, reason: str | None = None) -> None:
    with transaction.atomic():
        operations.apply_commands([received(kind(order_id=order.id, reason=reason))])  # type: ignore[arg-type]
    order.refresh_from_db()


def told() -> list[str]:
    return [row.headers["ce_type"] for row in OutboxMessage.objects.order_by("id")]


@pytest.mark.parametrize("origin", Status)
@pytest.mark.parametrize("target", Status)
def test_every_transition(origin: Status, target: Status) -> None:
    order = Order(status=origin)
    if target in TRANSITIONS[origin]:
        order.move_to(target)
        assert order.status == target
    else:
        with pytest.raises(WrongState):
            order.move_to(target)
        assert order.status == origin


OBEYED = [
    (["confirm"], "confirmed", ["order.confirmed.v1"]),
    (["confirm", "confirm"], "confirmed", ["order.confirmed.v1"] * 2),
    (["reject"], "rejected", ["order.rejected.v1"]),
    (["cancel"], "cancelled", ["order.cancelled.v1"]),
    (["confirm", "cancel"], "cancelled", ["order.confirmed.v1", "order.cancelled.v1"]),
    # an order that has ended says how, so that no saga waits for ever
    (["reject", "cancel"], "rejected", ["order.rejected.v1"] * 2),
    (["cancel", "reject"], "cancelled", ["order.cancelled.v1"] * 2),
    # late or impossible: nothing
    (["cancel", "confirm"], "cancelled", ["order.cancelled.v1", "order.cancelled.v1"]),
    (["confirm", "reject"], "confirmed", ["order.confirmed.v1"]),
]
KINDS: dict[str, type[c.Message]] = {
    "confirm": c.ConfirmOrder,
    "reject": c.RejectOrder,
    "cancel": c.CancelOrder,
}


@pytest.mark.parametrize(("commands", "ends", "says"), OBEYED)
def test_commands(order: Order, commands: list[str], ends: str, says: list[str]) -> None:
    for name in commands:
        command(KINDS[name], order, "why")
    assert order.status == ends
    assert told() == says


def test_a_confirmation_that_crosses_a_cancellation_is_not_announced(
    order: Order, customer_client: APIClient
) -> None:
    assert customer_client.post(f"/api/orders/{order.id}/cancel/", {}, format="json").status_code == 202
    command(c.ConfirmOrder, order)
    assert order.status == "submitted"
    command(c.CancelOrder, order)
    assert told() == ["order.cancellation-requested.v1", "order.cancelled.v1"]


def test_a_reason_names_products_and_not_their_ids(order: Order, customer_client: APIClient) -> None:
    """Also where an earlier release's saga says only ids. Red without `with_names` in `Order.reason`."""
    command(c.RejectOrder, order, f"{TEA}: 5 wanted, 2 available; {UNKNOWN}x, {CUP}")
    said = f"aaa: 5 wanted, 2 available; {UNKNOWN}x, bbb"
    for path in (f"/api/orders/{order.id}/", "/api/orders/"):
        shown = customer_client.get(path).json()
        assert (shown.get("results") or [shown])[0]["status_reason"] == said
    assert json.loads(OutboxMessage.objects.get().payload)["reason"] == said


def test_a_whole_batch_at_once(customer_client: APIClient) -> None:
    orders = [UUID(place(customer_client).json()["id"]) for _ in range(5)]
    OutboxMessage.objects.all().delete()
    with transaction.atomic():
        operations.apply_commands([received(c.ConfirmOrder(order_id=order_id)) for order_id in orders])
    assert set(Order.objects.values_list("status", flat=True)) == {"confirmed"}
    assert told() == ["order.confirmed.v1"] * 5


def test_round_trips_do_not_grow_with_the_batch(customer_client: APIClient) -> None:
    """BEGIN, orders with their lines, the update, outbox, COMMIT, the relay's wake-up. Red when each order is saved by itself."""
    counts = []
    for size in (1, 8):
        orders = [UUID(place(customer_client).json()["id"]) for _ in range(size)]
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            operations.apply_commands([received(c.ConfirmOrder(order_id=order_id)) for order_id in orders])
        counts.append(len(captured))
    assert counts == [6, 6]


def test_a_batch_writes_how_far_each_order_came_and_nothing_else(customer_client: APIClient) -> None:
    """Also of an order that moves twice. Red where a column stands for another one."""
    orders = [UUID(place(customer_client).json()["id"]) for _ in range(4)]
    before = {row["id"]: row for row in Order.objects.values()}
    commands: list[transitions.Command] = [
        c.ConfirmOrder(order_id=orders[0], reason="was confirmed"),
        c.RejectOrder(order_id=orders[1], reason="was rejected"),
        c.CancelOrder(order_id=orders[2], reason="was cancelled"),
        c.ConfirmOrder(order_id=orders[3]),
        c.CancelOrder(order_id=orders[3], reason="then cancelled"),
    ]
    with transaction.atomic():
        operations.apply_commands([received(command) for command in commands])
    after = {row["id"]: row for row in Order.objects.values()}
    assert [(after[o]["status"], after[o]["status_reason"]) for o in orders] == [
        ("confirmed", "was confirmed"),
        ("rejected", "was rejected"),
        ("cancelled", "was cancelled"),
        ("cancelled", "then cancelled"),
    ]
    moved = {"status", "status_reason", "updated_at"}
    for order_id in orders:
        assert after[order_id]["updated_at"] > before[order_id]["updated_at"]
        assert {k: v for k, v in after[order_id].items() if k not in moved} == {
            k: v for k, v in before[order_id].items() if k not in moved
        }


def test_a_command_for_an_unknown_order_is_refused(order: Order) -> None:
    with pytest.raises(UnknownOrder), transaction.atomic():
        operations.apply_commands(
            [received(c.ConfirmOrder(order_id=order.id)), received(c.ConfirmOrder(order_id=uuid4()))]
        )
    order.refresh_from_db()
    assert order.status == "submitted"


class TestCancelling:
    def cancel(self, client: APIClient, order: Order, body: Any = None) -> Any:
        return client.post(f"/api/orders/{order.id}/cancel/", body or {}, format="json")

    def test_the_owner(self, order: Order, customer_client: APIClient) -> None:
        answer = self.cancel(customer_client, order, {"reason": "changed my mind"})
        assert (answer.status_code, answer.json()["status"]) == (202, "submitted")
        assert told() == ["order.cancellation-requested.v1"]
        assert '"reason":"changed my mind"' in OutboxMessage.objects.get().payload

    def test_twice_is_once(self, order: Order, customer_client: APIClient) -> None:
        assert [self.cancel(customer_client, order).status_code for _ in range(3)] == [202] * 3
        assert told() == ["order.cancellation-requested.v1"]

    def test_a_manager(self, order: Order, manager_client: APIClient) -> None:
        assert self.cancel(manager_client, order).status_code == 202

    def test_another_customer(self, order: Order, other_client: APIClient) -> None:
        assert self.cancel(other_client, order).status_code == 404
        assert told() == []

    @pytest.mark.parametrize("status", ["rejected", "shipped", "delivered"])
    def test_too_late(self, order: Order, customer_client: APIClient, status: str) -> None:
        Order.objects.update(status=status)
        answer = self.cancel(customer_client, order)
        assert (answer.status_code, slug(answer), answer.json()["order_status"]) == (
            409,
            "order-state",
            status,
        )

    @pytest.mark.parametrize(
        "body", [{"reason": "x" * 501}, {"reason": 5}, {"reason": ["a"]}, {"reason": "a\x07"}]
    )
    def test_bad_bodies(self, order: Order, customer_client: APIClient, body: Any) -> None:
        assert self.cancel(customer_client, order, body).status_code == 400
        assert told() == []


class TestShipping:
    def test_the_way(self, order: Order, manager_client: APIClient) -> None:
        command(c.ConfirmOrder, order)
        for verb, status in (("ship", "shipped"), ("deliver", "delivered")):
            answer = manager_client.post(f"/api/orders/{order.id}/{verb}/")
            assert (answer.status_code, answer.json()["status"]) == (200, status)
            assert manager_client.post(f"/api/orders/{order.id}/{verb}/").status_code == 409
        assert told() == ["order.confirmed.v1", "order.shipped.v1", "order.delivered.v1"]

    @pytest.mark.parametrize("status", ["shipped", "delivered"])
    def test_the_saga_hears_of_its_confirmation_again(self, order: Order, status: str) -> None:
        """Red where only a confirmed order says so: the saga of one that was shipped meanwhile asks for ever."""
        Order.objects.update(status=status)
        command(c.ConfirmOrder, order)
        assert (order.status, told()) == (status, ["order.confirmed.v1"])
        command(c.RejectOrder, order)
        assert (order.status, told()) == (status, ["order.confirmed.v1"])

    @pytest.mark.parametrize("verb", ["ship", "deliver"])
    def test_not_before_it_is_confirmed(self, order: Order, manager_client: APIClient, verb: str) -> None:
        assert manager_client.post(f"/api/orders/{order.id}/{verb}/").status_code == 409
        assert told() == []

    def test_not_while_it_is_being_cancelled(self, order: Order, manager_client: APIClient) -> None:
        """Red without the semantic lock: it would be shipped and its stock put back."""
        command(c.ConfirmOrder, order)
        manager_client.post(f"/api/orders/{order.id}/cancel/", {}, format="json")
        assert manager_client.post(f"/api/orders/{order.id}/ship/").status_code == 409

    @pytest.mark.parametrize("verb", ["ship", "deliver"])
    def test_not_by_customers(self, order: Order, customer_client: APIClient, verb: str) -> None:
        assert customer_client.post(f"/api/orders/{order.id}/{verb}/").status_code == 403


class TestSeeing:
    def test_whose(
        self, order: Order, customer_client: APIClient, other_client: APIClient, manager_client: APIClient
    ) -> None:
        path = f"/api/orders/{order.id}/"
        assert [c.get(path).status_code for c in (customer_client, other_client, manager_client)] == [
            200,
            404,
            200,
        ]
        assert [
            c.get("/api/orders/").json()["count"] for c in (customer_client, other_client, manager_client)
        ] == [1, 0, 1]

    def test_without_a_token(self, order: Order, anonymous_client: APIClient) -> None:
        for path in ("/api/orders/", f"/api/orders/{order.id}/"):
            answer = anonymous_client.get(path)
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")

    def test_newest_first_in_pages(self, customer_client: APIClient) -> None:
        ids = [place(customer_client).json()["id"] for _ in range(5)]
        page = customer_client.get("/api/orders/?page_size=2").json()
        assert page["count"] == 5
        assert [shown["id"] for shown in page["results"]] == ids[:2:-1]
        assert page["next"].startswith("http://localhost:8000/api/orders/?")

    def test_filters(self, order: Order, customer_client: APIClient) -> None:
        counts = {
            query: customer_client.get(f"/api/orders/?{query}").json()["count"]
            for query in (
                "status=submitted",
                "status=confirmed",
                "created_after=2020-01-01T00:00:00Z",
                "created_before=2020-01-01T00:00:00Z",
            )
        }
        assert list(counts.values()) == [1, 0, 1, 0]

    @pytest.mark.parametrize(
        "query",
        ["status=nope", "created_after=x", "created_before=2020-13-01T00:00:00Z", "page=x", "page=999"],
    )
    def test_bad_queries(self, order: Order, customer_client: APIClient, query: str) -> None:
        answer = customer_client.get(f"/api/orders/?{query}")
        assert answer.status_code in {400, 404}
        assert answer["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "moment",
        [
            "2020-01-01T00:00:00.5Z",
            "2020-01-01t00:00:00.5z",
            "2020-01-01T01:00:00.5%2B01:00",
            "2020-01-01T01:00:00.5+01:00",  # a blank when it arrives
        ],
    )
    def test_filters_are_inclusive_in_every_spelling(
        self, order: Order, customer_client: APIClient, moment: str
    ) -> None:
        """Red where small letters are refused, or a filter leaves out the moment that it names."""
        Order.objects.update(created_at=datetime(2020, 1, 1, 0, 0, 0, 500_000, UTC))
        for name in ("created_after", "created_before"):
            assert customer_client.get(f"/api/orders/?{name}={moment}").json()["count"] == 1

    def test_a_wrong_time_is_told_the_format(self, customer_client: APIClient) -> None:
        (error,) = customer_client.get("/api/orders/?created_after=yesterday").json()["errors"]
        assert error["field"] == "created_after"
        assert "2026-11-22T17:30:00Z" in error["detail"]

    def test_lookups_in_the_query_are_not_lookups(self, order: Order, customer_client: APIClient) -> None:
        assert (
            customer_client.get("/api/orders/?customer_id__startswith=b&shipping_address__city=x").json()[
                "count"
            ]
            == 1
        )

    @pytest.mark.parametrize("order_id", ["x", "1", str(UUID(int=5)), "%27", "..%2f"])
    def test_unknown_ids(self, customer_client: APIClient, order_id: str) -> None:
        assert customer_client.get(f"/api/orders/{order_id}/").status_code == 404

    def test_people_get_pages(self, order: Order, customer_client: APIClient) -> None:
        answer = customer_client.get("/api/orders/", headers={"Accept": BROWSER})
        assert answer.status_code == 200
        assert b"Orders" in answer.content


def test_an_older_product_never_replaces_a_newer(order: Order) -> None:
    newer, older = product(TEA, "3.00", version=5), product(TEA, "1.00", version=4)
    product_copy.copy_products([received(newer), received(older)])
    product_copy.copy_products([received(older)])
    assert str(ProductCopy.objects.get(pk=TEA).price) == "3.00"


def test_ids_rise_and_numbers_differ() -> None:
    ids = [new_order_id() for _ in range(1000)]
    assert all(order_id.version == 7 for order_id in ids)
    assert len({order_number(order_id) for order_id in ids}) == 1000
    assert ids[0].int >> 80 <= ids[-1].int >> 80
