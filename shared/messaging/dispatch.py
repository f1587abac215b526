"""From a batch of messages to the handlers that its service has for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.contracts import Message
from shared.messaging.envelope import Received

# Message class -> what handles a batch of it. A service's `handlers.py` has one such table.
Handlers = Mapping[type[Message], Callable[[Sequence[Received[Any]]], None]]


def waves(batch: Sequence[Received[Message]]) -> Iterator[list[Received[Message]]]:
    """Split `batch` so that a wave may be handled type by type without changing the order within any key.

    A wave ends where a key comes again with another type.
    """
    wave: list[Received[Message]] = []
    types: dict[str, str] = {}
    for message in batch:
        kind = message.message.TYPE
        if types.get(message.key, kind) != kind:
            yield wave
            wave, types = [], {}
        wave.append(message)
        types[message.key] = kind
    if wave:
        yield wave


def dispatch(batch: Sequence[Received[Message]], handlers: Handlers) -> None:
    """Give every message to its handler, as few calls as the order within each key allows."""
    for wave in waves(batch):
        by_type: dict[type[Message], list[Received[Message]]] = {}
        for message in wave:
            by_type.setdefault(type(message.message), []).append(message)
        for kind, messages in by_type.items():
            handlers[kind](messages)
