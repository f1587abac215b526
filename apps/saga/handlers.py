"""From message to handler: an event moves its saga in the transaction that takes it.

Where it cannot (somebody else has the saga, it failed before, older events wait) it is written down, and Celery is
woken once for whatever a batch leaves.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from apps.saga import orchestrator, waiting_events
from apps.saga.dead_letters import collect, outlived
from apps.saga.errors import Unwritable
from apps.saga.models import Saga
from apps.saga.placement import PLACEMENT
from apps.saga.tasks import wake
from shared import contracts
from shared.contracts.message import AboutOrder
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.inbox import TryAgain
from shared.messaging.listener import Listener
from shared.messaging.periodic import Periodic
from shared.messaging.purge import EVERY, Purge

Events = Sequence[Received[AboutOrder]]
M = TypeVar("M", bound=AboutOrder)
Submitted = Sequence[Received[contracts.OrderSubmitted]]


@dataclass(frozen=True, slots=True)
class Event:
    """A message that moves a saga, with its id."""

    message_id: str
    message: AboutOrder


# Ids of messages whose sagas PostgreSQL did not take: written down when they come again, in a transaction that is new.
_unwritable: set[str] = set()


def start(batch: Submitted) -> None:
    """A new saga for each order that was submitted, and its first command."""
    with _once_more_where_unwritable(batch) as able:
        sagas = {received.message.order_id: _saga(received) for received in able}
        begun = orchestrator.begin(list(sagas.values()), _by_order(able))
    if left := [received for received in batch if received.message.order_id not in begun]:
        start_later(left)


def start_later(batch: Submitted) -> None:
    """A new saga where there is none; a worker begins it."""
    Saga.objects.bulk_create([_saga(received) for received in batch], ignore_conflicts=True)
    move_later(batch)


def move(batch: Events) -> None:
    """Each event moves its saga, or waits for a worker; raises UnknownSaga."""
    with _once_more_where_unwritable(batch) as able:
        moved = orchestrator.move_at_once(_by_order(able))
    if left := [received for received in batch if received.message.order_id not in moved]:
        move_later(left)


@contextmanager
def _once_more_where_unwritable(batch: Sequence[Received[M]]) -> Iterator[list[Received[M]]]:
    """What of `batch` may be tried. Raises TryAgain where PostgreSQL does not take it: then none of it may."""
    try:
        yield [received for received in batch if received.id not in _unwritable]
    except Unwritable as error:
        _unwritable.update(received.id for received in batch)
        raise TryAgain from error
    if _unwritable:
        transaction.on_commit(lambda: _unwritable.difference_update(received.id for received in batch))


def move_later(batch: Events) -> None:
    """Write events down for a worker, and see to it that one is woken; raises UnknownSaga."""
    waiting_events.store(batch)
    transaction.on_commit(wake)


def _by_order(batch: Events) -> orchestrator.Events:
    found = defaultdict[UUID, list[Event]](list)
    for received in batch:
        found[received.message.order_id].append(Event(received.id, received.message))
    return found


def _saga(received: Received[contracts.OrderSubmitted]) -> Saga:
    order = received.message
    return Saga(
        kind=PLACEMENT.kind,
        order_id=order.order_id,
        customer_id=order.customer_id,
        items=[
            item.model_dump(
                include={"product_id", "quantity", "product_version", "name"}, exclude_defaults=True
            )
            for item in order.items
        ],
        traceparent=received.traceparent or "",
    )


HANDLERS: Handlers = {contracts.OrderSubmitted: start, **dict.fromkeys(PLACEMENT.events, move)}

PERIODIC = [Periodic(Purge(outlived), EVERY)]
# Dead letters of every service come here as they are, whatever is in them.
LISTENER = Listener(handlers=HANDLERS, periodic=PERIODIC, collect=collect)
