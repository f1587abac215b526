"""Handlers get their messages in as few calls as the order within each key allows."""

from collections.abc import Sequence

from shared.messaging.dispatch import Handlers, dispatch
from shared.messaging.envelope import Received
from shared.testing.messages import received
from tests.shared.messaging.lab import Gossip, Note

Call = tuple[str, list[str]]


def calls_for(script: str, *, together: bool = False) -> list[Call]:
    """Dispatch messages written as `note:key gossip:key …`; `together`: one handler has both types."""
    calls: list[Call] = []

    def listener(name: str):  # type: ignore[no-untyped-def] # noqa: ANN202
        def handler(batch: Sequence[Received[Note]]) -> None:
            calls.append((name, [f"{each.message.text}:{each.key}" for each in batch]))

        return handler

    both = listener("both")
    handlers: Handlers = (
        {Note: both, Gossip: both} if together else {Note: listener("note"), Gossip: listener("gossip")}
    )
    batch = []
    for word in script.split():
        kind, key = word.split(":")
        batch.append(received({"note": Note, "gossip": Gossip}[kind](about=key, text=kind)))
    dispatch(batch, handlers)
    return calls


def test_one_type_is_one_call(known_contracts: None) -> None:
    assert calls_for("note:a note:b note:a") == [("note", ["note:a", "note:b", "note:a"])]


def test_types_of_different_keys_are_a_call_each(known_contracts: None) -> None:
    assert calls_for("note:a gossip:b note:c") == [("note", ["note:a", "note:c"]), ("gossip", ["gossip:b"])]


def test_a_key_that_changes_its_type_begins_anew(known_contracts: None) -> None:
    assert calls_for("note:a note:b gossip:a note:c note:a") == [
        ("note", ["note:a", "note:b"]),
        ("gossip", ["gossip:a"]),
        ("note", ["note:c"]),
        ("note", ["note:a"]),
    ]


def test_a_handler_of_several_types_gets_them_mixed_in_one_call(known_contracts: None) -> None:
    script = "note:a gossip:a note:b note:a gossip:b"
    assert calls_for(script, together=True) == [("both", script.split())]


def test_nothing_is_no_call(known_contracts: None) -> None:
    assert calls_for("") == []
