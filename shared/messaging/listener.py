"""What a service's consumer does, as its `handlers.py` says it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer as KafkaConsumer

from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Raw
from shared.messaging.periodic import Periodic

# Called after each turn with what it handled (or parked); may seek, where a store lost what it had taken.
AfterTurn = Callable[[KafkaConsumer, Sequence[Raw]], None]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """`LISTENER` in a service's `handlers.py`: from message to handler, and what else the process does between messages."""

    handlers: Handlers
    periodic: Sequence[Periodic] = ()
    # Takes dead letters of every topic as they are, whatever is in them; most services have none.
    collect: Callable[[Sequence[Raw]], None] | None = None
    after_turn: AfterTurn | None = None
