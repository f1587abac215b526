"""`kill -9` of every process in turn, in the middle of orders (promise FL-1; the issue's "mid-saga")."""

import itertools
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from tests.system.conftest import Sizes
from tests.system.platform import Platform
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Product, Shopper, items
from tests.system.waiting import HEAL, eventually

PROCESSES = [
    "gateway",
    "product-api", "product-relay",
    "order-api", "order-consumer",
    "stock-api", "stock-consumer",
    "basket-api", "basket-consumer",
    "notification-api", "notification-consumer",
    "saga-api", "saga-consumer", "saga-worker", "saga-beat",
]  # fmt: skip
INFRASTRUCTURE = {"postgres", "mongod", "redis", "kafka", "keycloak", "mail"}
STOCK = 10_000
BETWEEN_ORDERS = 0.2  # seconds
MANY_ORDERS = 1000  # that is, for as long as processes are killed
ENDS = {"confirmed": "completed", "rejected": "compensated"}
PRICES = (f"{euros}.00" for euros in itertools.count(20))


@pytest.fixture(scope="module")
def pieces(shop: Shop) -> list[Product]:
    """One that is ordered all the time, one that is ordered from the basket."""
    return shop.products(2, stock=STOCK)


def test_no_process_was_forgotten(platform: Platform) -> None:
    """The list above is every process of every service. Red when one is added that no test kills."""
    assert set(platform.processes()) == {*PROCESSES, *INFRASTRUCTURE}


def test_each_is_killed_while_orders_go_on(
    platform: Platform, shop: Shop, pieces: list[Product], shopper: Shopper
) -> None:
    """One after another, not waiting for the one before: as below, all in one, for every run of the tests."""
    _ends_as_if_nothing_had_been(platform, shop, pieces, shopper, PROCESSES, MANY_ORDERS)


@pytest.mark.faults
@pytest.mark.parametrize("name", PROCESSES)
def test_killed_in_mid_order(
    platform: Platform, shop: Shop, pieces: list[Product], shopper: Shopper, sizes: Sizes, name: str
) -> None:
    """The supervisor brings it back, and every order placed around it ends as if nothing had been.

    Red when an order hangs, is told twice or not at all, when stock is lost, a basket keeps what was bought, a
    price change is lost, or when the process does not come back.
    """
    _ends_as_if_nothing_had_been(platform, shop, pieces, shopper, [name], sizes.orders_around_a_kill)


def _ends_as_if_nothing_had_been(
    platform: Platform,
    shop: Shop,
    pieces: list[Product],
    shopper: Shopper,
    names: Sequence[str],
    at_most: int,
) -> None:
    on_hand = [shop.stock(piece)[0] for piece in pieces]
    shopper.put_in_basket(pieces[1], 2)
    victims, price = [], ""
    with _ordering(shopper, pieces[0], at_most) as placed:
        for name in names:
            before = len(placed)
            victims.append(platform.kill(name))
            price = next(PRICES)
            shop.change(pieces[0], price=price)
            eventually(
                partial(_more_than, before, placed, at_most), within=HEAL, what=f"an order after {name}"
            )
        from_basket = shopper.place()
        for victim in victims:
            platform.wait_until_back(victim)
    outcomes = shopper.outcomes([*placed, from_basket], HEAL)
    for order_id, status in outcomes.items():
        shopper.told(order_id, f"order.{status}", HEAL)
        assert shopper.saga(order_id, HEAL)["status"] == ENDS[status]
    sold = [order_id for order_id, status in outcomes.items() if status == "confirmed"]
    shop.stock_becomes(pieces[0], on_hand[0] - len(set(placed) & set(sold)))
    shop.stock_becomes(pieces[1], on_hand[1] - 2 * (from_basket in sold))
    shopper.basket_becomes({} if from_basket in sold else {pieces[1].id: 2})
    eventually(
        lambda: shop.quoted(pieces[0]), lambda quoted: quoted == price, within=HEAL, what=f"the price {price}"
    )


def test_an_order_that_timed_out_was_placed_all_the_same(
    platform: Platform, pieces: list[Product], shopper: Shopper
) -> None:
    """FL-3: the database stands still for longer than the gateway waits, then the work is done; the client asks again.

    Red when the client is not told 504 in time, or when the second try is a second order: without `idempotency_key=key`
    in `apps.order.operations`.
    """
    key = str(uuid.uuid4())
    assert shopper.id  # logged in
    with platform.paused("postgres"):
        body = {"shipping_address": ADDRESS, "items": items((pieces[0], 1))}
        answer = shopper.send_once("POST", "/api/orders/", json=body, headers={"Idempotency-Key": key})
        problem(answer, 504)
    order_id = shopper.place((pieces[0], 1), key=key)
    assert shopper.outcome(order_id)["status"] == "confirmed"
    assert [each["id"] for each in shopper.read_all("/api/orders/")] == [order_id]


def _more_than(before: int, placed: list[str], at_most: int) -> bool:
    return len(placed) > before or len(placed) == at_most


@contextmanager
def _ordering(buyer: Shopper, piece: Product, at_most: int) -> Iterator[list[str]]:
    """Somebody orders one piece after another meanwhile, each until there is an answer. Yields the orders."""
    placed: list[str] = []
    enough = threading.Event()

    def order() -> None:
        for _ in range(at_most):
            placed.append(buyer.place((piece, 1)))
            if enough.wait(BETWEEN_ORDERS):
                return

    with ThreadPoolExecutor(1) as pool:
        ordering = pool.submit(order)
        eventually(lambda: placed or ordering.done(), what="the first order")
        try:
            yield placed
        finally:
            enough.set()
        ordering.result()
