"""Messages that nobody can handle, on every topic: given up with a reason, and in nobody's way (promises, "Poison")."""

import json
import time
import uuid
from collections.abc import Callable
from functools import cache
from itertools import cycle

import pytest

from tests.system.conftest import NewShopper, Settle
from tests.system.dead_letters import DeadLetters
from tests.system.messages import LISTENERS, PARTITIONS, REPLAYS, Message, message
from tests.system.poison import KINDS, good, poison
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.topics import Topics

NOT_HELD_UP = 10.0  # seconds
ROUNDS = 3  # of orders, where the machine was slow and not what is tested
# What a consumer is asked to do about an order that does not exist, and may yet: it is tried for a while.
UNKNOWN_ORDER = {
    "order.commands": "order.confirm.v1",
    "order.events": "order.cancellation-requested.v1",
    "stock.events": "stock.reserved.v1",
}
TRIED_BY = {"order.commands": "order", "order.events": "saga", "stock.events": "saga"}

REFUSED_BY_KAFKA = ("no key", "product.events")  # a compacted topic takes no message without a key
ONE_KIND = "negative quantity"  # for every run of the tests; the others are for `test faults`
Sent = Callable[[str], list[Message]]  # kind -> the messages of that kind, one for each topic


@pytest.fixture(scope="module")
def hopeful(topics: Topics, letters: DeadLetters) -> list[Message]:
    """Messages about orders that nobody knows: their tries go on while the other tests run."""
    found = about_unknown_orders()
    topics.send(found)
    return found


def about_unknown_orders() -> list[Message]:
    """One for each topic of `UNKNOWN_ORDER`."""
    found = []
    for topic, kind in UNKNOWN_ORDER.items():
        order_id = str(uuid.uuid4())
        order = json.loads(good("order.events").value or b"") if topic == "order.events" else {}
        found.append(message(topic, kind, order_id, {**order, "order_id": order_id}))
    return found


@pytest.fixture(scope="module")
def sent(letters: DeadLetters, topics: Topics) -> Sent:
    """Sends one kind of poison on every topic, in every partition in turn, and each kind once."""
    partitions = {topic: cycle(range(count)) for topic, count in PARTITIONS.items()}

    @cache
    def send(kind: str) -> list[Message]:
        found = [
            poison(kind, topic).into(next(partitions[topic]))
            for topic in LISTENERS
            if (kind, topic) != REFUSED_BY_KAFKA
        ]
        topics.send(found)
        return found

    return send


@pytest.mark.parametrize(
    "kind", [ONE_KIND, *(pytest.param(kind, marks=pytest.mark.faults) for kind in KINDS if kind != ONE_KIND)]
)
def test_poison_is_given_up_with_a_reason(kind: str, sent: Sent, letters: DeadLetters) -> None:
    """At once, by every consumer of its topic, for managers to see as it came. Red without `dl_error` in `DeadLetterQueue._reason`."""
    for each in sent(kind):
        found = letters.of(each, LISTENERS[each.topic])
        assert {letter["service"] for letter in found} == LISTENERS[each.topic], each.topic
        for letter in found:
            assert letter["error"], letter
            assert (letter["topic"], letter["attempts"], letter["status"]) == (each.topic, 1, "waiting")
            assert (
                letter["payload"] == (each.value or b"").decode("utf-8", "replace")[: len(letter["payload"])]
            )
            assert {"dl_error", "dl_attempts", "dl_service", "dl_at"} <= set(letter["headers"])


@pytest.mark.faults
def test_good_messages_go_on(
    sent: Sent,
    hopeful: list[Message],
    topics: Topics,
    shop: Shop,
    new_shopper: NewShopper,
) -> None:
    """Behind poison in every partition of every topic, a product is announced and an order placed.

    Red when one consumer stands still before a message that it cannot read, or that it cannot handle yet.
    """
    for kind in KINDS:
        sent(kind)
    for _ in range(ROUNDS):
        more = about_unknown_orders()
        topics.send(more)
        hopeful += more
        seconds = _sell_several(shop, new_shopper())
        if seconds < NOT_HELD_UP:
            break
    assert seconds < NOT_HELD_UP


def _sell_several(shop: Shop, shopper: Shopper) -> float:
    """Seconds from the last of several orders to the word that all are confirmed."""
    pieces = shop.products(3, stock=10)
    shopper.put_in_basket(pieces[0], 1)
    orders = [shopper.place(), *(shopper.place((piece, 1)) for piece in pieces for _ in range(4))]
    began = time.monotonic()
    for order_id in orders:
        assert shopper.outcome(order_id)["status"] == "confirmed"
        shopper.told(order_id, "order.confirmed")
    seconds = time.monotonic() - began
    shopper.basket_becomes({})
    return seconds


def test_a_field_that_nobody_knows_is_no_poison(
    shop: Shop, new_shopper: NewShopper, topics: Topics, letters: DeadLetters, settle: Settle
) -> None:
    """A newer producer may say more. Red without `extra="ignore"` in `contracts.message.Part`."""
    shopper, piece = new_shopper(), shop.product(stock=5)
    order_id = shopper.place((piece, 1))
    assert shopper.saga(order_id)["status"] == "completed"
    answer = message(
        "stock.events", "stock.committed.v1", order_id, {"order_id": order_id, "colour": {"of": "tomorrow"}}
    )
    settle()
    before = len(shopper.saga(order_id)["history"])
    topics.send([answer])
    topics.wait_until_handled()
    assert len(shopper.history_grown(order_id, before)) == before + 1
    assert letters.of(answer) == []


def test_an_event_for_somebody_else_is_skipped(topics: Topics, letters: DeadLetters) -> None:
    """A type that a consumer has no handler for is none of its business. Red when `Delivery._is_for_others` gives it up."""
    product_id = uuid.uuid4().hex[:24]
    level = {"product_id": product_id, "on_hand": 1, "reserved": 0, "available": 1, "version": 1}
    skipped = message("stock.events", "stock.level-changed.v1", product_id, level)
    topics.send([skipped])
    topics.wait_until_handled()
    assert letters.of(skipped) == []


@pytest.mark.faults
def test_an_unknown_order_is_given_up_after_some_tries(hopeful: list[Message], letters: DeadLetters) -> None:
    """It may have overtaken what it is about, so it is tried again. Red when it is given up at once, or never."""
    for each in hopeful:
        letter = letters.of(each, {TRIED_BY[each.topic]}, within=120)[0]
        assert letter["attempts"] > 1
        assert "Unknown" in letter["error"]


def test_a_manager_replays_and_discards(sent: Sent, letters: DeadLetters, topics: Topics) -> None:
    """Replaying brings the same message to the service that gave it up, and to no other; each letter is settled once.

    Red when a replay is a new message, or goes to the topic it came from.
    """
    original = sent(ONE_KIND)[0]
    service = next(iter(LISTENERS[original.topic]))
    letter = next(
        each for each in letters.of(original, LISTENERS[original.topic]) if each["service"] == service
    )
    assert letters.insist(letter, "replay").json()["status"] == "replayed"
    assert letters.look_at(letter) == {**letter, "status": "replayed"}
    assert len([each for each in topics.all_of(original.topic) if each.id == original.id]) == 1
    (again,) = (each for each in topics.all_of(service + REPLAYS) if each.id == original.id)
    assert (again.key, again.value) == (original.key, original.value)
    assert again.headers == (*original.headers, ("replay_topic", original.topic.encode()))
    for how in ("replay", "discard"):
        problem(letters.settle(letter, how), 409, "dead-letter-settled")

    second = letters.wait_for_another(original, service, than=letter)
    assert letters.insist(second, "discard").json()["status"] == "discarded"
    problem(letters.settle(second, "replay"), 409, "dead-letter-settled")
    assert letters.is_listed(letter, "replayed")
    assert letters.is_listed(second, "discarded")
