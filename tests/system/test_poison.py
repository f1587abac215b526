"""Messages that nobody can handle, on every topic: given up with a reason, and in nobody's way (promises, "Poison")."""

import json
import uuid
from itertools import cycle

import pytest

from tests.system.conftest import NewShopper
from tests.system.dead_letters import DeadLetters
from tests.system.messages import LISTENERS, PARTITIONS, Message, message
from tests.system.poison import KINDS, good, poison
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.topics import Topics

NOT_HELD_UP = 10.0  # seconds
# What a consumer is asked to do about an order that does not exist, and may yet: it is tried for a while.
UNKNOWN_ORDER = {
    "order.commands": "order.confirm.v1",
    "order.events": "order.cancellation-requested.v1",
    "stock.events": "stock.reserved.v1",
}
TRIED_BY = {"order.commands": "order", "order.events": "saga", "stock.events": "saga"}

REFUSED_BY_KAFKA = ("no key", "product.events")  # a compacted topic takes no message without a key


@pytest.fixture(scope="module")
def hopeful(topics: Topics, letters: DeadLetters) -> dict[str, Message]:
    """Messages about orders that nobody knows, sent first: their tries go on while the other tests run."""
    found = {}
    for topic, kind in UNKNOWN_ORDER.items():
        order_id = str(uuid.uuid4())
        order = json.loads(good("order.events").value or b"") if topic == "order.events" else {}
        found[topic] = message(topic, kind, order_id, {**order, "order_id": order_id})
    topics.send(found.values())
    return found


@pytest.fixture(scope="module")
def sent(hopeful: dict[str, Message], topics: Topics) -> dict[str, list[Message]]:
    """Every kind of poison on every topic, in every partition in turn; by kind."""
    partition = cycle(PARTITIONS)
    found = {
        kind: [
            poison(kind, topic).into(next(partition))
            for topic in LISTENERS
            if (kind, topic) != REFUSED_BY_KAFKA
        ]
        for kind in KINDS
    }
    topics.send(each for messages in found.values() for each in messages)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_poison_is_given_up_with_a_reason(
    kind: str, sent: dict[str, list[Message]], letters: DeadLetters
) -> None:
    """At once, by every consumer of its topic, for managers to see as it came. Red without `dl_error` in `DeadLetterQueue._reason`."""
    for each in sent[kind]:
        found = letters.of(each, LISTENERS[each.topic])
        assert {letter["service"] for letter in found} == LISTENERS[each.topic], each.topic
        for letter in found:
            assert letter["error"], letter
            assert (letter["topic"], letter["attempts"], letter["status"]) == (each.topic, 1, "waiting")
            assert (
                letter["payload"] == (each.value or b"").decode("utf-8", "replace")[: len(letter["payload"])]
            )
            assert {"dl_error", "dl_attempts", "dl_service", "dl_at"} <= set(letter["headers"])


def test_good_messages_go_on(sent: dict[str, list[Message]], shop: Shop, new_shopper: NewShopper) -> None:
    """Behind poison in every partition of every topic, a product is announced and an order placed.

    Red when one consumer stands still before a message that it cannot read, or that it cannot handle yet.
    """
    shopper, pieces = new_shopper(), shop.products(3, stock=10)
    shopper.put_in_basket(pieces[0], 1)
    orders = [shopper.place(), *(shopper.place((piece, 1)) for piece in pieces for _ in range(4))]
    for order_id in orders:
        assert shopper.outcome(order_id, NOT_HELD_UP)["status"] == "confirmed"
        shopper.told(order_id, "order.confirmed", NOT_HELD_UP)
    shopper.basket_becomes({})


def test_a_field_that_nobody_knows_is_no_poison(
    shop: Shop, new_shopper: NewShopper, topics: Topics, letters: DeadLetters
) -> None:
    """A newer producer may say more. Red without `extra="ignore"` in `contracts.message.Part`."""
    shopper, piece = new_shopper(), shop.product(stock=5)
    order_id = shopper.place((piece, 1))
    assert shopper.saga(order_id)["status"] == "completed"
    answer = message(
        "stock.events", "stock.committed.v1", order_id, {"order_id": order_id, "colour": {"of": "tomorrow"}}
    )
    before = len(shopper.saga(order_id)["history"])
    topics.send([answer])
    topics.wait_until_handled()
    assert len(shopper.history_grown(order_id, before)) == before + 1
    assert letters.of(answer) == []


def test_an_event_for_somebody_else_is_skipped(topics: Topics, letters: DeadLetters) -> None:
    """A type that a consumer has no handler for is none of its business. Red when `Attempts._has_handler` gives it up."""
    product_id = uuid.uuid4().hex[:24]
    level = {"product_id": product_id, "on_hand": 1, "reserved": 0, "available": 1, "version": 1}
    skipped = message("stock.events", "stock.level-changed.v1", product_id, level)
    topics.send([skipped])
    topics.wait_until_handled()
    assert letters.of(skipped) == []


def test_an_unknown_order_is_given_up_after_some_tries(
    hopeful: dict[str, Message], letters: DeadLetters
) -> None:
    """It may have overtaken what it is about, so it is tried again. Red when it is given up at once, or never."""
    for topic, each in hopeful.items():
        (letter,) = letters.of(each, {TRIED_BY[topic]}, within=120)
        assert letter["attempts"] > 1
        assert "Unknown" in letter["error"]


def test_a_manager_replays_and_discards(
    sent: dict[str, list[Message]], letters: DeadLetters, topics: Topics
) -> None:
    """Replaying sends the same message with the same id; each letter is settled once. Red when a replay is a new message."""
    original = sent["negative quantity"][0]
    service = next(iter(LISTENERS[original.topic]))
    letter = next(
        each for each in letters.of(original, LISTENERS[original.topic]) if each["service"] == service
    )
    assert letters.settle(letter, "replay").json()["status"] == "replayed"
    assert letters.look_at(letter) == {**letter, "status": "replayed"}
    again = [each for each in topics.all_of(original.topic) if each.id == original.id]
    assert [(each.key, each.value, each.headers) for each in again] == [
        (original.key, original.value, original.headers)
    ] * 2
    for how in ("replay", "discard"):
        problem(letters.settle(letter, how), 409, "dead-letter-settled")

    second = letters.wait_for_another(original, service, than=letter)
    assert letters.settle(second, "discard").json()["status"] == "discarded"
    problem(letters.settle(second, "replay"), 409, "dead-letter-settled")
    assert letters.is_listed(letter, "replayed")
    assert letters.is_listed(second, "discarded")
