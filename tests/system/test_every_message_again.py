"""Every message again, and again: nothing happens twice (promises FL-8, FL-9)."""

import random
import uuid
from collections.abc import Iterable
from itertools import groupby

import pytest

from tests.system.conftest import NewShopper, Settle
from tests.system.dead_letters import DeadLetters
from tests.system.messages import BEGINNING, DEAD_LETTER, GROUPS, LISTENERS, Message, message
from tests.system.platform import Platform
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper, items
from tests.system.topics import Topics
from tests.system.waiting import eventually


@pytest.fixture(scope="module")
def piece(shop: Shop) -> Product:
    return shop.product(stock=100)


@pytest.fixture(scope="module")
def history(shop: Shop, new_shopper: NewShopper, piece: Product) -> dict[str, str]:
    """Orders of every fate, each by its last status."""
    shopper = new_shopper()
    shopper.put_in_basket(piece, 2)
    orders = {"confirmed": shopper.place(), "rejected": shopper.place((piece, 999))}
    for status in ("cancelled", "shipped", "delivered"):
        orders[status] = shopper.place((piece, 1))
    shopper.outcomes(list(orders.values()))
    shopper.cancel(orders["cancelled"])
    shop.ship(orders["shipped"])
    shop.ship(orders["delivered"])
    shop.deliver(orders["delivered"])
    for status, order_id in orders.items():
        shopper.told(order_id, f"order.{status}")
        shopper.saga(order_id)
    shopper.basket_becomes({})
    return orders


@pytest.fixture(scope="module")
def everything(history: dict[str, str], topics: Topics, settle: Settle) -> list[Message]:
    """Every message that was ever sent and not given up, once, with nothing under way any more."""
    settle()
    given_up = {each.id for each in _given_up(topics)}
    found = {(each.topic, each.id): each for each in reversed(topics.all_of(*LISTENERS))}
    good = [each for each in reversed(found.values()) if each.id not in given_up]
    assert {each.header("ce_type") for each in good} >= {
        "order.delivered.v1",
        "stock.released.v1",
        "basket.remove-items.v1",
    }
    return good


def test_everything_once_more(everything: list[Message], topics: Topics, records: Records) -> None:
    """All topics from the start, as they were. Red without `message.id in new` in `SqlInbox._handle`."""
    with records.nothing_changes():
        topics.send(everything)
        topics.wait_until_handled()


@pytest.mark.faults
def test_everything_three_times_in_any_order(
    everything: list[Message], topics: Topics, records: Records
) -> None:
    """Each message three times, shuffled across keys. Red when anything is different after, or is sent because of it."""
    with records.nothing_changes():
        topics.send(_shuffled(everything * 3))
        topics.wait_until_handled()


@pytest.mark.faults
def test_everything_with_offsets_that_were_lost(
    platform: Platform,
    everything: list[Message],
    topics: Topics,
    records: Records,
    manager: Shopper,
    settle: Settle,
) -> None:
    """Every consumer begins its topics anew. Red when a consumer lives by its offsets instead of by its inbox.

    The consumers stand still until Kafka takes them for gone: only then can their offsets be changed. They go on
    without a restart, as after a pause of the whole machine (FL-5). What was given up before is given up again.
    """
    letters, given_up = DeadLetters(manager), {each.beginning for each in _given_up(topics)}
    with records.nothing_changes("saga: saga_deadletter"):
        with platform.paused(*(f"{group}-consumer" for group in GROUPS)):
            topics.wait_until_abandoned(GROUPS)
            for group in GROUPS:
                topics.forget_offsets(group)
        settle()
    assert {letter["payload"][:BEGINNING] for letter in letters.all()} <= given_up
    letters.discard_all()


def test_a_known_id_with_another_content_is_no_news(
    piece: Product, everything: list[Message], topics: Topics, records: Records
) -> None:
    """The id says what is the same message. Red when a doubled id with another body has an effect of its own."""
    known = next(each for each in everything if each.header("ce_type") == "stock.reserve.v1")
    order_id = str(uuid.uuid4())
    with records.nothing_changes():
        data = {"order_id": order_id, "items": items((piece, 1))}
        topics.send([message("stock.commands", "stock.reserve.v1", order_id, data, ce_id=known.id)])
        topics.wait_until_handled()


@pytest.mark.parametrize("answer", ["stock.reserved.v1", "stock.committed.v1"])
def test_an_answer_that_comes_too_late_is_undone(
    shop: Shop, new_shopper: NewShopper, piece: Product, topics: Topics, answer: str
) -> None:
    """FL-9: an answer after the compensation is compensated again, never sold upon.

    Red without `undo(saga)` in `engine._late`, or when the order comes alive.
    """
    shopper = new_shopper()
    order_id = shopper.place((piece, 999))
    assert shopper.outcome(order_id)["status"] == "rejected"
    before, stock = shopper.saga(order_id), shop.stock(piece)
    assert _releases(topics, order_id) == []
    topics.send([message("stock.events", answer, order_id, {"order_id": order_id})])
    after = _grown_history(shopper, order_id, before)
    assert (after["status"], shopper.look_at(order_id)["status"]) == ("compensated", "rejected")
    eventually(lambda: _releases(topics, order_id), what="stock.release because of the late answer")
    topics.wait_until_handled()
    assert len(_releases(topics, order_id)) == 1
    assert shop.stock(piece) == stock
    assert [each["event"] for each in shopper.notifications()] == ["order.rejected"]


def _grown_history(shopper: Shopper, order_id: str, before: dict[str, list[object]]) -> dict[str, object]:
    return eventually(
        lambda: shopper.saga_now(order_id),
        lambda saga: len(saga["history"]) > len(before["history"]),
        what="the late answer in the saga's history",
    )


def _releases(topics: Topics, order_id: str) -> list[Message]:
    """What the stock service was told to give back for an order."""
    return [
        each
        for each in topics.all_of("stock.commands")
        if (each.key, each.header("ce_type")) == (order_id.encode(), "stock.release.v1")
    ]


def _given_up(topics: Topics) -> list[Message]:
    return topics.all_of(*(topic + DEAD_LETTER for topic in LISTENERS))


def _shuffled(messages: Iterable[Message]) -> list[Message]:
    """In any order, but that messages of one key keep theirs."""
    lanes = [list(lane) for _, lane in groupby(sorted(messages, key=_lane), key=_lane)]
    draws = [lane for lane, messages in enumerate(lanes) for _ in messages]
    random.shuffle(draws)
    return [lanes[lane].pop(0) for lane in draws]


def _lane(each: Message) -> tuple[str, bytes]:
    return each.topic, each.key or b""
