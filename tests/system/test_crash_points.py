"""Processes that die at a named line, every line that matters (promise FL-2): what it left is finished, once."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from launcher import platform
from launcher.addresses import database_url
from launcher.faults.inject import heal
from launcher.faults.points import ALL, PASSED_BY, arm
from launcher.system import service
from tests.system.conftest import Settle, Sizes
from tests.system.dead_letters import DeadLetters
from tests.system.messages import LISTENERS, Message
from tests.system.platform import INSTANCE
from tests.system.poison import poison
from tests.system.shop import Shop
from tests.system.shopper import Json, Product, Shopper
from tests.system.topics import Topics
from tests.system.waiting import HEAL

BETWEEN_TURNS = 0.5  # seconds
WAKE_UP = ("saga.before-wake", "saga.after-wake")
HELD_SECONDS = 15.0  # a saga at most, where the consumer that is to write its event down has died
Round = dict[str, str]  # process -> where it dies
GIVEN_UP, REPLAYED = "dead-letter.sent", "replay.sent"
POISON, REPLAYED_TO = "negative quantity", "order.commands"
# A point of each kind, at any of the processes that pass it: for every run of the tests. `test faults` takes all points.
ONE_OF_EACH_KIND: tuple[Round, ...] = (
    {
        "product-api": "outbox.written",
        "product-relay": "relay.sent",
        "order-api": "outbox.committed",
        "order-consumer": "ledger.committed",
        "stock-consumer": GIVEN_UP,
        "saga-api": REPLAYED,
        "saga-consumer": "saga.before-wake",
        "saga-worker": "saga.written",
        "notification-consumer": "notification.before-push",
        "basket-consumer": "parked.claimed",
    },
    {"order-consumer": "consumer.committed", "stock-consumer": "relay.taken"},
)


@dataclass
class Waste:
    """Poison that is sent while its consumers die, and a manager who replays it once."""

    topics: Topics
    letters: DeadLetters
    thrown: list[Message] = field(default_factory=list)
    replayed: list[Json] = field(default_factory=list)

    def turn(self, points: Round) -> None:
        """Send messages that will be given up, replay one that was, where somebody is to die of it.

        None on product.events: baskets read that anew when Redis was emptied, in other tests, and give it up anew.
        """
        dying = {process.removesuffix("-consumer") for process in points if points[process] == GIVEN_UP}
        heard = {topic: groups & dying for topic, groups in LISTENERS.items() if topic != "product.events"}
        fresh = [poison(POISON, topic) for topic, groups in heard.items() if groups]
        if REPLAYED in points.values():
            fresh.append(poison(POISON, REPLAYED_TO))
        self.topics.send(fresh)
        self.thrown += fresh
        if REPLAYED in points.values():
            letter = self.letters.of(fresh[-1], LISTENERS[REPLAYED_TO], within=2 * HEAL)[0]
            answer = self.letters.insist(letter, "replay")
            assert answer.json()["status"] == "replayed", (
                "it was marked although its process died before that"
            )
            self.replayed.append(letter)

    def is_as_it_should_be(self) -> None:
        """Every message was given up, and again when it was replayed; a letter is settled once."""
        assert self.thrown
        assert self.replayed
        for each in self.thrown:
            assert self.letters.of(each, LISTENERS[each.topic], within=2 * HEAL)
        for letter in self.replayed:
            assert self.letters.look_at(letter)["status"] == "replayed"
            original = next(each for each in self.thrown if letter["headers"]["ce_id"] == each.id)
            self.letters.wait_for_another(original, letter["service"], than=letter)


@dataclass
class HeldUp:
    """Orders that are cancelled while somebody else has their saga locked: the only way past a worker of sagas.

    What comes for such a saga is written down, and a worker is woken; all else moves without one.
    """

    shopper: Shopper
    piece: Product
    orders: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Orders that are long confirmed, enough for all rounds."""
        self.orders = [self.shopper.place((self.piece, 1)) for _ in range(40)]
        assert set(self.shopper.outcomes(self.orders).values()) == {"confirmed"}

    def turn(self, points: Round) -> None:
        """Cancel one, where somebody is to die of it."""
        if not (points.get("saga-worker") or points.get("saga-consumer") in WAKE_UP):
            return
        order_id = self.orders.pop()
        with psycopg.connect(database_url(service("saga"), INSTANCE)) as held:
            held.execute("SELECT FROM saga_saga WHERE order_id = %s FOR UPDATE", [order_id])
            assert self.shopper.cancel(order_id).status_code == 202
            self.cancelled.append(order_id)
            until = time.monotonic() + HELD_SECONDS
            while time.monotonic() < until and not self._waits(held, order_id):
                time.sleep(0.1)

    def _waits(self, held: "psycopg.Connection[Any]", order_id: str) -> bool:
        return bool(held.execute("SELECT FROM saga_sagaevent WHERE order_id = %s", [order_id]).fetchall())

    def are_cancelled(self) -> None:
        """Each, and what it had taken is back."""
        assert self.cancelled
        for order_id in self.cancelled:
            self.shopper.becomes(order_id, "cancelled", 2 * HEAL)


def rounds(*, every_process: bool) -> Iterator[Round]:
    """Each process dies in each round at another of its points; in short, each point is somebody's once."""
    left = {process: list(points) for process, points in PASSED_BY.items()}
    seen: set[str] = set()
    while any(left.values()):
        this: Round = {}
        for process, points in left.items():
            while points:
                point = points.pop(0)
                if every_process or point not in seen:
                    seen.add(point)
                    this[process] = point
                    break
        if this:
            yield this


def test_no_point_was_forgotten() -> None:
    """Red when a point is added that no process is said to pass."""
    assert {point for points in PASSED_BY.values() for point in points} == set(ALL)
    assert {point for each in rounds(every_process=False) for point in each.values()} == set(ALL)
    passed = [(process, point) for each in ONE_OF_EACH_KIND for process, point in each.items()]
    assert all(point in PASSED_BY[process] for process, point in passed)
    assert {_kind(point) for _, point in passed} == {_kind(point) for point in ALL}


def _kind(point: str) -> str:
    return point.partition(".")[0]


def restarts() -> dict[str, int]:
    """How often the supervisor has started each process again."""
    return {each["name"]: each["restarts"] for each in platform.processes(INSTANCE)}


@pytest.mark.parametrize(
    "which", ["a point of each kind", pytest.param("every point", marks=pytest.mark.faults)]
)
def test_what_dies_at_any_line_is_finished_once(
    shop: Shop,
    shopper: Shopper,
    topics: Topics,
    letters: DeadLetters,
    settle: Settle,
    sizes: Sizes,
    which: str,
) -> None:
    """Orders, prices and counts go on meanwhile, and each ends as if nothing had been; poison is given up, and replayed.

    Red when `relay.mark_sent` comes before the send, when the consumer commits offsets before the database, when
    an effect is not in its inbox's transaction, when `sweep` does not find what waits; `check` says the rest.
    """
    ordered, counted, returned = shop.products(3, stock=10_000)
    waste, held_up = Waste(topics, letters), HeldUp(shopper, returned)
    held_up.prepare()
    on_hand = shop.stock(ordered)[0]
    placed: list[str] = []
    every_point = rounds(every_process=sizes.every_crash_point)
    for points in every_point if which == "every point" else ONE_OF_EACH_KIND:
        before = restarts()
        arm(INSTANCE, points)
        until = (
            time.monotonic() + 2 * HEAL
        )  # a try that a crash cut short is taken up after a lease, in each service
        for turn in itertools.count():
            placed.append(shopper.place((ordered, 1)))
            shop.change(counted, description=f"turn {turn} of {points}")
            shop.put_in_stock(counted, 5_000 + turn)
            waste.turn(points)
            held_up.turn(points)
            now = restarts()
            alive = [name for name in points if now[name] == before[name]]
            if not alive:
                break
            assert time.monotonic() < until, f"not come by: { {name: points[name] for name in alive} }"
            time.sleep(BETWEEN_TURNS)
        heal(INSTANCE, points)
    outcomes = shopper.outcomes(placed, HEAL)
    assert set(outcomes.values()) == {"confirmed"}
    for order_id in placed:
        shopper.told(order_id, "order.confirmed", HEAL)
    shop.stock_becomes(ordered, on_hand - len(placed))
    held_up.are_cancelled()
    shop.stock_becomes(returned, on_hand - len(held_up.orders))
    settle()
    waste.is_as_it_should_be()
