"""What can never be handled goes to the dead letters at once, and its neighbours do not notice (docs/promises.md)."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.messaging.delivery import BACKOFF
from shared.messaging.envelope import Raw
from tests.shared.messaging.lab import Lab, eventually, header, replaced
from tests.shared.messaging.odd_headers import send_with_odd_header

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = sum(BACKOFF)  # seconds that a message takes which is tried again and again
GOOD = {"about": "a", "text": "x"}


def body(**fields: Any) -> bytes:
    """A payload that is good but for `fields`."""
    return json.dumps({**GOOD, **fields}).encode()


def doubled(message: Raw, name: str) -> Raw:
    """`message` with a header that stands there twice."""
    value = header(message, name) or ""
    return Raw(
        message.topic, -1, -1, message.key, [*message.headers, (name, value.encode())], message.payload
    )


def with_bytes(message: Raw, name: str, value: bytes | None) -> Raw:
    """`message` with a header of bytes that are no text."""
    kept = [pair for pair in message.headers if pair[0] != name]
    return Raw(message.topic, -1, -1, message.key, [*kept, (name, value)], message.payload)


# name -> what is done to a good message, and a piece of the reason that the dead letter must give
POISON: dict[str, tuple[Callable[[Raw], Raw], str]] = {
    "empty": (lambda m: replaced(m, payload=b""), "not a lab.note.v1"),
    "not JSON": (lambda m: replaced(m, payload=b"<note/>"), "not a lab.note.v1"),
    "half a message": (lambda m: replaced(m, payload=m.payload[:-5]), "not a lab.note.v1"),
    "not UTF-8": (lambda m: replaced(m, payload=b'{"about":"\xff\xfe","text":"x"}'), "not a lab.note.v1"),
    "half a surrogate pair": (lambda m: replaced(m, payload=b'{"about":"a","text":"\\ud800"}'), "not a lab"),
    "NUL in a text": (lambda m: replaced(m, payload=body(text="a\x00b")), "NUL"),
    "an array": (lambda m: replaced(m, payload=b"[]"), "not a lab.note.v1"),
    "a number": (lambda m: replaced(m, payload=b"5"), "not a lab.note.v1"),
    "null": (lambda m: replaced(m, payload=b"null"), "not a lab.note.v1"),
    "deeply nested": (lambda m: replaced(m, payload=b"[" * 100_000), "not a lab.note.v1"),
    "a field of the wrong type": (lambda m: replaced(m, payload=body(text=5)), "text: "),
    "a field that is missing": (lambda m: replaced(m, payload=b'{"about":"a"}'), "text: "),
    "a negative quantity": (lambda m: replaced(m, payload=body(amount=-1)), "amount: "),
    "half a quantity": (lambda m: replaced(m, payload=body(amount=1.5)), "amount: "),
    "a quantity in words": (lambda m: replaced(m, payload=body(amount="5")), "amount: "),
    "a quantity that is true": (lambda m: replaced(m, payload=body(amount=True)), "amount: "),
    "the wrong key": (lambda m: replaced(m, key=b"b"), "The key is not the id"),
    "no key": (lambda m: replaced(m, key=None), "The key is not the id"),
    "a key that is no text": (lambda m: replaced(m, key=b"\xff\x00"), "The key is not the id"),
    "no headers": (lambda m: Raw(m.topic, -1, -1, m.key, [], m.payload), "missing: ce_specversion, ce_id"),
    "no id": (lambda m: replaced(m, ce_id=None), "missing: ce_id"),
    "an empty id": (lambda m: replaced(m, ce_id=""), "missing: ce_id"),
    "a header without a value": (lambda m: with_bytes(m, "ce_id", None), "missing: ce_id"),
    "two ids": (lambda m: doubled(m, "ce_id"), "ce_id stands there twice"),
    "two types": (lambda m: doubled(m, "ce_type"), "ce_type stands there twice"),
    "a long id": (lambda m: replaced(m, ce_id="x" * 129), "ce_id"),
    "NUL in the id": (lambda m: replaced(m, ce_id="a\x00b"), "ce_id"),
    "a header that is no text": (lambda m: with_bytes(m, "ce_source", b"\xff\xfe"), "ce_source is not UTF-8"),
    "another CloudEvents": (lambda m: replaced(m, ce_specversion="2.0"), "CloudEvents 2.0"),
    "a time that is none": (lambda m: replaced(m, ce_time="yesterday"), "ce_time"),
    "a future major version": (lambda m: replaced(m, ce_type="lab.note.v2"), "version that is not known"),
    "a type that nobody names": (lambda m: replaced(m, ce_type="lab.tale.v1"), "No contract names"),
    "a type without a version": (lambda m: replaced(m, ce_type="lab.note"), "No contract names"),
    "a type of another topic": (lambda m: replaced(m, ce_type="stock.reserve.v1"), "does not belong on"),
    "five megabytes": (lambda m: replaced(m, payload=body(text="x" * 5_000_000)), "bytes"),
}


def buried() -> float:
    """How many dead letters this process counted."""
    return REGISTRY.get_sample_value("messages_total", {"type": "", "outcome": "dead-letter"}) or 0.0


@pytest.mark.parametrize("name", POISON)
def test_poison_is_a_dead_letter_at_once(lab: Lab, name: str) -> None:
    spoil, reason = POISON[name]
    poison = spoil(lab.note("poison"))
    counted = buried()

    lab.send(lab.note("before"), poison, lab.note("after"))
    started = time.monotonic()
    with lab.running():
        eventually(lambda: lab.effects() == ["before", "after"])
        eventually(lambda: lab.committed() == 3)
    assert time.monotonic() - started < TRIES

    (letter,) = lab.dead_letters()
    assert (letter.key, letter.payload) == (poison.key, poison.payload)
    assert [pair for pair in letter.headers if not pair[0].startswith("dl_")] == list(poison.headers)
    assert reason in str(header(letter, "dl_error"))
    assert (header(letter, "dl_service"), header(letter, "dl_attempts")) == ("lab", "1")
    assert str(header(letter, "dl_at")).endswith("Z")
    assert buried() == counted + 1


def test_a_crowd_of_poison_does_not_hold_up_what_is_good(lab: Lab) -> None:
    crowd = [spoil(lab.note("poison")) for spoil, _ in POISON.values()]
    for number, poison in enumerate(crowd):
        lab.send(poison, lab.note(f"good {number}", about=f"k{number}"))
    started = time.monotonic()
    with lab.running():
        eventually(lambda: len(lab.effects()) == len(crowd))
        eventually(lambda: lab.committed() == 2 * len(crowd))

    assert time.monotonic() - started < TRIES
    assert len(lab.dead_letters()) == len(crowd)


def test_a_dead_letter_that_was_replayed_and_fails_again_names_the_newest_reason(lab: Lab) -> None:
    poison = replaced(lab.note("x"), ce_time="yesterday", dl_error="an older reason", dl_attempts="7")

    with lab.running():
        lab.send(poison)
        eventually(lambda: len(lab.dead_letters()) == 1)

    (letter,) = lab.dead_letters()
    assert [name for name, _ in letter.headers].count("dl_error") == 1
    assert "ce_time" in str(header(letter, "dl_error"))


def test_a_message_that_is_too_large_for_the_dead_letters_is_cut_and_says_so(lab: Lab) -> None:
    lab.delete(lab.topic.dead_letter)
    lab.create(lab.topic.dead_letter, 1, largest=100_000)
    poison = replaced(lab.note("poison"), payload=body(text="x" * 5_000_000))

    with lab.running():
        lab.send(poison, lab.note("after"))
        eventually(lambda: lab.effects() == ["after"])
        eventually(lambda: lab.committed() == 2)

    (letter,) = lab.dead_letters()
    assert poison.payload.startswith(letter.payload)
    assert "5000" in str(header(letter, "dl_error"))
    assert header(letter, "dl_cut") == str(len(poison.payload))
    assert header(letter, "ce_id") == header(poison, "ce_id")


def test_a_header_whose_name_is_no_text_is_a_dead_letter(lab: Lab) -> None:
    """What can be read is kept. Red when the consumer's `_headers` lets through what the library raises.

    The consumer is in full swing: with `message.headers()` in `_headers` this process dies, unless its lines are counted.
    """
    poison, many = lab.note("poison"), [f"{number:03}" for number in range(100)]
    lab.send(*map(lab.note, many))
    send_with_odd_header(lab.bootstrap, poison, b"\xff\xfe", lab.topic.name)
    lab.send(lab.note("after"))
    with lab.running():
        eventually(lambda: lab.effects() == [*many, "after"])
        eventually(lambda: lab.committed() == 102)

    (letter,) = lab.dead_letters()
    assert (letter.key, letter.payload) == (poison.key, poison.payload)
    assert "The name of a header is not UTF-8" in str(header(letter, "dl_error"))
    assert header(letter, "dl_service") == "lab"


def test_headers_that_are_too_large_for_the_dead_letters_are_cut(lab: Lab) -> None:
    """Each of them is short, and together they are too long. Red without `KEPT_HEADERS` in `dead_letters._cut`."""
    lab.delete(lab.topic.dead_letter)
    lab.create(lab.topic.dead_letter, 1, largest=100_000)
    many = [(f"x-{number}", b"x" * 100) for number in range(5_000)]
    poison = lab.note("poison")
    long_name = ("x" * 150_000, b"x")

    with lab.running():
        lab.send(
            replace(poison, headers=[*poison.headers, *many], payload=b"{"),
            replace(poison, headers=[*poison.headers, long_name], payload=b"{"),
            lab.note("after"),
        )
        eventually(lambda: lab.effects() == ["after"])
        eventually(lambda: lab.committed() == 3)

    assert [header(letter, "ce_type") for letter in lab.dead_letters()] == ["lab.note.v1"] * 2
