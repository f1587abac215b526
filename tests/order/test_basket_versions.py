"""One version of a basket is one order, as long as that order can still be delivered (ADR 0012)."""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from rest_framework.test import APIClient

from apps.order import operations
from apps.order.models import Order, Status
from shared import contracts as c
from shared.testing.fixtures import ClientFor
from shared.testing.messages import received
from shared.testing.tokens import ALICE
from tests.order.conftest import ADDRESS, BasketService
from tests.order.test_placing import place, slug
from tests.own_connection import own_connection
from tests.system.waiting import eventually

pytestmark = pytest.mark.usefixtures("shop")
BODY: dict[str, Any] = {"shipping_address": ADDRESS}  # what is in the basket


@pytest.fixture(autouse=True)
def full(basket: BasketService) -> BasketService:
    """A basket that nobody changes."""
    basket.fill(7, tea=3)
    return basket


def apply(*kinds: type[c.Message]) -> None:
    """What the saga tells the order service of the newest order."""
    for kind in kinds:
        with transaction.atomic():
            operations.apply_commands([received(kind(order_id=newest().pk))])  # type: ignore[arg-type]


def newest() -> Order:
    found = Order.objects.first()
    assert found
    return found


def again(client: APIClient) -> tuple[int, str]:
    """Order the basket as it is; the status, and the order's or the problem's kind."""
    answer = place(client, BODY)
    return answer.status_code, answer.json()["status"] if answer.status_code == 201 else slug(answer)


@pytest.mark.parametrize(
    "fate",
    [
        [c.RejectOrder],
        [c.CancelOrder],
        [c.RejectOrder, c.RejectOrder],  # told twice
        [c.CancelOrder, c.ConfirmOrder],  # and a confirmation that came too late
    ],
)
def test_what_never_was_confirmed_frees_the_basket(
    customer_client: APIClient, fate: list[type[c.Message]]
) -> None:
    """Red without `self.basket_version = None` in `Order.move_to`, or with CHANGING without `basket_version`."""
    place(customer_client, BODY)
    apply(*fate)
    assert again(customer_client) == (201, "submitted")
    assert again(customer_client) == (409, "basket-already-ordered")
    apply(c.ConfirmOrder)
    assert ("confirmed", 7) in Order.objects.values_list("status", "basket_version")


@pytest.mark.parametrize("fate", [[], [c.ConfirmOrder], [c.ConfirmOrder, c.CancelOrder]])
def test_what_is_under_way_or_was_confirmed_holds_it(
    customer_client: APIClient, fate: list[type[c.Message]]
) -> None:
    """What was confirmed leaves the basket: ordered at the same version, it would be ordered twice."""
    place(customer_client, BODY)
    apply(*fate)
    assert again(customer_client) == (409, "basket-already-ordered")


def test_a_wish_to_cancel_frees_nothing_yet(customer_client: APIClient) -> None:
    """The saga decides: until then the order may still be confirmed."""
    order_id = place(customer_client, BODY).json()["id"]
    assert customer_client.post(f"/api/orders/{order_id}/cancel/", {}, format="json").status_code == 202
    assert again(customer_client) == (409, "basket-already-ordered")
    apply(c.CancelOrder)
    assert again(customer_client) == (201, "submitted")


def test_again_and_again(customer_client: APIClient) -> None:
    for _ in range(4):
        assert again(customer_client) == (201, "submitted")
        apply(c.RejectOrder)
    assert set(Order.objects.values_list("status", "basket_version")) == {("rejected", None)}


def test_the_first_key_still_gives_the_first_answer(customer_client: APIClient) -> None:
    first = place(customer_client, BODY, "one").json()
    apply(c.RejectOrder)
    assert place(customer_client, BODY, "two").status_code == 201
    assert place(customer_client, BODY, "one").json() == first


def at_once(client_for: ClientFor, tries: int) -> list[int]:
    """The statuses of so many orders of one basket, each with a key of its own."""

    def one(n: int) -> int:
        with own_connection():
            return int(place(client_for(ALICE), BODY, f"k{n}").status_code)

    with ThreadPoolExecutor(16) as threads:
        return sorted(threads.map(one, range(tries)))


def test_many_tries_at_once_make_one_order(client_for: ClientFor) -> None:
    """The freed version is as unique as a new one. Red without the constraint `order_once_per_basket_version`."""
    place(client_for(ALICE), BODY)
    apply(c.RejectOrder)
    assert at_once(client_for, 30) == [201] + [409] * 29
    assert sorted(Order.objects.values_list("status", flat=True)) == ["rejected", "submitted"]


@pytest.mark.parametrize(("is_kept", "statuses"), [(True, [201, 409, 409]), (False, [409, 409, 409])])
def test_tries_while_it_is_being_rejected(client_for: ClientFor, is_kept: bool, statuses: list[int]) -> None:
    """They wait for the rejection's transaction: one wins where it is committed, none where it is not."""
    place(client_for(ALICE), BODY)
    with ThreadPoolExecutor(1) as thread, transaction.atomic():
        apply(c.RejectOrder)
        tries = thread.submit(at_once, client_for, 3)
        eventually(waiting, lambda count: count == 3, what="three tries that wait")
        transaction.set_rollback(not is_kept)
    assert tries.result() == statuses


def waiting() -> int:
    """How many of the database's other sessions wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def test_what_an_earlier_release_rejected_is_freed(customer_client: APIClient) -> None:
    """Red when the migration leaves a rejected order its version, or takes one away from another order."""
    held = {Status.REJECTED: 1, Status.CANCELLED: 2, Status.CONFIRMED: 3}
    for status, version in held.items():
        place(customer_client, {**BODY, "items": [{"product_id": "a" * 24, "quantity": 1}]})
        Order.objects.filter(pk=newest().pk).update(status=status, basket_version=version)
    free: Callable[[Any, Any], None] = importlib.import_module(
        "apps.order.migrations.0003_free_baskets_of_rejected_orders"
    ).free_baskets
    free(apps, None)
    found = {(order.status, order.basket_version) for order in Order.objects.all()}
    assert found == {("rejected", None), ("cancelled", 2), ("confirmed", 3)}
