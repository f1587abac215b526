"""From a batch of messages to the handlers that its service has for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.contracts import Message
from shared.messaging.envelope import Received

Handler = Callable[[Sequence[Received[Any]]], None]

# Message class -> what handles a batch of it. A service's `handlers.py` has one such table. A handler that
# stands there for several classes gets them mixed, in their order: so it can lock all it needs at once.
Handlers = Mapping[type[Message], Handler]


def waves(batch: Sequence[Received[Message]], handlers: Handlers) -> Iterator[list[Received[Message]]]:
    """Split `batch` so that a wave may be handled handler by handler without changing the order within any key.

    A wave ends where a key comes again for another handler.
    """
    wave: list[Received[Message]] = []
    seen: dict[str, Handler] = {}
    for message in batch:
        handler = handlers[type(message.message)]
        if seen.get(message.key, handler) != handler:
            yield wave
            wave, seen = [], {}
        wave.append(message)
        seen[message.key] = handler
    if wave:
        yield wave


def dispatch(batch: Sequence[Received[Message]], handlers: Handlers) -> None:
    """Give every message to its handler, in as few calls as the order within each key allows."""
    for wave in waves(batch, handlers):
        calls: dict[Handler, list[Received[Message]]] = {}
        for message in wave:
            calls.setdefault(handlers[type(message.message)], []).append(message)
        for handler, messages in calls.items():
            handler(messages)
