"""What a consumer remembers in its service's database: what was handled, what failed, what waits.

`Inbox` is what the consumer needs; `SqlInbox` keeps it in PostgreSQL. A service with another store brings
a inbox of its own.
"""

import logging
import select
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from django.db import OperationalError, connection, connections, transaction
from django.db.models import F
from django.utils import timezone

from shared.contracts import Message
from shared.contracts.topics import ORDERED
from shared.messaging.envelope import Raw, Received
from shared.messaging.models import InboxMessage, ParkedMessage
from shared.messaging.parking import Parked, from_row, to_row

logger = logging.getLogger(__name__)

T = TypeVar("T")
Dispatch = Callable[[Sequence[Received[Message]]], None]

# A claimed message is not tried by anybody else for this long; longer than any statement may take.
LEASE = timedelta(seconds=15)
COLLISIONS = 3  # how often a batch is tried again that ran into another transaction
COLLISION_STATES = {"40001", "40P01"}  # PostgreSQL: serialization_failure, deadlock_detected


# One statement and so one round trip: after a start each message goes this way.
CLAIM = f"""
    UPDATE messaging_parkedmessage SET starts = starts + 1, next_try_at = %(until)s
    WHERE id = (
        SELECT id FROM messaging_parkedmessage AS this
        WHERE next_try_at <= %(now)s AND NOT EXISTS (
            SELECT 1 FROM messaging_parkedmessage AS older
            WHERE older.topic = this.topic AND older.id < this.id
                AND (older.key = this.key OR older.topic = ANY(%(ordered)s)))
        ORDER BY starts, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {", ".join(f"messaging_parkedmessage.{field.column}" for field in ParkedMessage._meta.concrete_fields)}
"""  # noqa: S608 - names of our own


class TryAgain(Exception):
    """A handler wants its transaction to begin anew: it has noted what it will do otherwise then."""


class Inbox(Protocol):
    """The memory of a consumer. Every method is one unit: it happens as a whole or not at all."""

    def handle(self, batch: Sequence[Received[Message]], dispatch: Dispatch) -> int:
        """Give `dispatch` what was not handled before; its effect and the ids become one. Returns how many."""

    def park(self, messages: Sequence[Raw]) -> None:
        """Keep messages for later; safe to repeat."""

    def parked_keys(self) -> set[tuple[str, bytes | None]]:
        """(topic, key) of everything that is parked."""

    def claim(self) -> Parked | None:
        """The next parked message whose time has come, its try counted; the oldest of its key only.

        Of a topic that is in order as a whole it is the oldest of the topic. The least tried comes first: what takes the process down must not do so before its neighbours' turn.
        """

    def handle_parked(self, parked: Parked, message: Received[Message], dispatch: Dispatch) -> None:
        """As `handle`, and the message leaves the parking lot in the same unit."""

    def put_off(self, parked: Parked, seconds: float, error: str) -> None:
        """Count a failed try; the message is due again after `seconds`."""

    def put_back(self, parked: Parked) -> None:
        """The store went away in mid-try: it does not count, and the next one may begin."""

    def drop(self, parked: Parked) -> None:
        """The message is dealt with otherwise."""

    def is_reachable(self) -> bool:
        """Whether the store answers at all: a store that is away is no fault of a message."""


class SqlInbox:
    """The inbox of a service on PostgreSQL."""

    def handle(self, batch: Sequence[Received[Message]], dispatch: Dispatch) -> int:
        """One transaction: the ids that are new, and what they bring about."""
        _leave_closed_connection()
        return _again_after_collisions(lambda: self._handle_once(batch, dispatch))

    @transaction.atomic
    def _handle_once(self, batch: Sequence[Received[Message]], dispatch: Dispatch) -> int:
        return self._handle(batch, dispatch)

    def _handle(self, batch: Sequence[Received[Message]], dispatch: Dispatch) -> int:
        new = _remember([message.id for message in batch])
        fresh = []
        for message in batch:
            if message.id in new:
                new.remove(message.id)
                fresh.append(message)
        if fresh:
            dispatch(fresh)
        return len(fresh)

    def park(self, messages: Sequence[Raw]) -> None:
        """Rows of `ParkedMessage`, one for each place in Kafka."""
        ParkedMessage.objects.bulk_create([to_row(raw) for raw in messages], ignore_conflicts=True)

    def parked_keys(self) -> set[tuple[str, bytes | None]]:
        """Distinct keys, read whole: the parking lot is small or something is very wrong."""
        rows = ParkedMessage.objects.values_list("topic", "key").distinct()
        return {(topic, None if key is None else bytes(key)) for topic, key in rows}

    def claim(self) -> Parked | None:
        """The claim is an update, so that two replicas never try the same message at once."""
        now = timezone.now()
        rows = ParkedMessage.objects.raw(CLAIM, {"now": now, "until": now + LEASE, "ordered": [*ORDERED]})
        return next((from_row(row) for row in rows), None)

    def handle_parked(self, parked: Parked, message: Received[Message], dispatch: Dispatch) -> None:
        """The effect, the id and the end of waiting are one transaction."""

        @transaction.atomic
        def handle() -> None:
            self._handle([message], dispatch)
            ParkedMessage.objects.filter(pk=parked.id).delete()

        _again_after_collisions(handle)

    def put_off(self, parked: Parked, seconds: float, error: str) -> None:
        """Committed apart from the try, which was rolled back."""
        until = timezone.now() + timedelta(seconds=seconds)
        ParkedMessage.objects.filter(pk=parked.id).update(
            failures=F("failures") + 1, next_try_at=until, error=error
        )

    def put_back(self, parked: Parked) -> None:
        """Changes nothing where the try did commit and only its answer was lost."""
        ParkedMessage.objects.filter(pk=parked.id).update(starts=F("starts") - 1, next_try_at=timezone.now())

    def drop(self, parked: Parked) -> None:
        """Delete the parked row."""
        ParkedMessage.objects.filter(pk=parked.id).delete()

    def is_reachable(self) -> bool:
        """The open connection is kept where it works; a new one is made where it is broken."""
        if connection.connection is None or not connection.is_usable():
            connections.close_all()
            connection.ensure_connection()
        return True


def _again_after_collisions(transact: Callable[[], T]) -> T:
    for _ in range(COLLISIONS):
        try:
            return transact()
        except TryAgain:
            logger.info("A handler wants its transaction to begin anew")
        except OperationalError as error:
            if not is_collision(error):
                raise
            logger.info("Another transaction was in the way, once more: %s", error)
    return transact()


def _leave_closed_connection() -> None:
    """Let go of a connection that PostgreSQL has closed meanwhile: the next statement opens another.

    Asks PostgreSQL only where something lies unread on the connection, as its end does: no round trip for each batch.
    """
    raw = connection.connection
    if raw is None or connection.in_atomic_block:
        return
    if raw.closed or (_has_news(raw.fileno()) and not connection.is_usable()):
        connection.close()


def _has_news(descriptor: int) -> bool:
    look = select.poll()
    look.register(descriptor, select.POLLIN)
    return bool(look.poll(0))


def is_collision(error: OperationalError) -> bool:
    """Whether PostgreSQL chose this transaction to give way to another: the same again will do."""
    return getattr(error.__cause__, "sqlstate", None) in COLLISION_STATES


def _remember(ids: Sequence[str]) -> set[str]:
    """Write the ids that are new and return them. Sorted, so that two consumers cannot deadlock on them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {InboxMessage._meta.db_table} (message_id, handled_at)"  # noqa: S608 - a name of our own
            " SELECT id, now() FROM unnest(%s::text[]) AS id ON CONFLICT DO NOTHING RETURNING message_id",
            [sorted(set(ids))],
        )
        return {row[0] for row in cursor.fetchall()}
