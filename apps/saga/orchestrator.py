"""Brings the engine and the database together: lock, apply what happened, write the next commands.

One transaction for a whole batch of sagas. What a saga does is decided in memory, so one that fails is put off
by itself, with its events, and holds up none of its neighbours. `begin` and `move_at_once` are called by a consumer,
in the transaction in which it takes the events; `drain` and `sweep` by a worker, for events that were written down
and for deadlines. They share what waits: each takes the oldest that no other has locked.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from prometheus_client import Counter

from apps.saga import engine, updates
from apps.saga.definition import Definition
from apps.saga.errors import OfLaterRelease, Unwritable
from apps.saga.models import Saga, SagaEvent
from apps.saga.placement import DEFINITIONS
from apps.saga.step_report import say_moved
from shared.contracts import OrderSubmitted
from shared.contracts.message import AboutOrder
from shared.faults import crash_point
from shared.history.record import compared, record
from shared.messaging import outbox
from shared.messaging.outbox import Outgoing

logger = logging.getLogger(__name__)

FAILURES = Counter("saga_failures_total", "How often a saga could not be moved, and was put off")

BATCH = 200  # sagas in one transaction
LONGEST_BACKOFF = 300.0  # seconds
STORE_AWAY = (OperationalError, InterfaceError)  # no fault of any saga

Pick = Callable[[], list[Saga]]


class Event(Protocol):
    """What happened to an order: just come, or written down before."""

    @property
    def message_id(self) -> str:
        """Of the message that told of it."""

    @property
    def message(self) -> AboutOrder:
        """What it told; raises where that cannot be read."""


Events = Mapping[UUID, Sequence[Event]]  # by order, each in the order in which they came


# A saga that a later release has moved is for that release's processes; one that failed waits for its time.
FIT = """
    JOIN json_to_recordset(%(known)s::json) AS known (kind text, version int)
        ON known.kind = saga.kind AND saga.version <= known.version
    {} AND (saga.retry_at IS NULL OR saga.retry_at <= %(now)s)
"""
# Ids alone: all that waits is sorted for each pass, and whole sagas would be carried along. Through an array, since
# PostgreSQL takes that for short and looks each saga up; by the events' statistics it would now and then read them all.
WITH_EVENTS = f"""
    SELECT saga.id
    FROM unnest(ARRAY(SELECT order_id FROM saga_sagaevent GROUP BY order_id ORDER BY min(id)))
        WITH ORDINALITY AS waiting (order_id, place)
    JOIN saga_saga AS saga ON saga.order_id = waiting.order_id
    {FIT.format("WHERE true")}
    ORDER BY waiting.place LIMIT %(limit)s FOR UPDATE OF saga SKIP LOCKED
"""  # noqa: S608 - texts of our own
WITH_DEADLINE = f"""
    SELECT saga.id FROM saga_saga AS saga
    {FIT.format("WHERE saga.deadline <= %(now)s")}
    ORDER BY saga.deadline LIMIT %(limit)s FOR UPDATE OF saga SKIP LOCKED
"""  # noqa: S608 - texts of our own
# What waits already comes first, and what others have locked is theirs; with the row as it is once it is locked.
FREE = f"""
    SELECT {", ".join(f"saga.{field.column}" for field in Saga._meta.concrete_fields)} FROM saga_saga AS saga
    {FIT.format("WHERE saga.order_id = ANY(%(orders)s)")}
    AND NOT EXISTS (SELECT FROM saga_sagaevent AS event WHERE event.order_id = saga.order_id)
    FOR UPDATE OF saga SKIP LOCKED
"""  # noqa: S608 - texts of our own


def begin(sagas: Sequence[Saga], events: Events) -> set[UUID]:
    """Write each of `sagas` that is not there yet, with its first events applied; returns the orders of those.

    One that fails is not among them, and not written. Belongs into the transaction that takes the events. Raises Unwritable.
    """
    turn = _decide(sagas, events)
    turn.moved.sort(key=lambda saga: saga.order_id)  # two who insert the same do not wait for each other
    with _writing(turn):
        begun = updates.insert(turn.moved, turn.commands)
    turn.moved = [saga for saga in turn.moved if saga.order_id in begun]
    turn.say()
    return begun


def move_at_once(events: Events) -> set[UUID]:
    """Apply these events to their sagas; returns the orders of those that moved.

    Not among them: a saga that somebody else has locked, that failed (it is put off), or that has older events
    waiting. Belongs into the transaction that takes the events. Raises Unwritable.
    """
    if not events:
        return set()
    turn = _decide(list(Saga.objects.raw(FREE, {**_now(), "orders": list(events)})), events)
    with _writing(turn):
        if turn.failed:
            _put_off(turn.failed, turn.now)
        if turn.moved:
            updates.move(turn.moved, turn.commands)
    turn.say()
    return {saga.order_id for saga in turn.moved}


@contextmanager
def _writing(turn: "Turn") -> Iterator[None]:
    try:
        yield
    except STORE_AWAY:
        raise
    except Exception as error:
        logger.exception(
            "A batch of %d sagas cannot be written: their events wait for a worker", len(turn.moved)
        )
        raise Unwritable from error


def drain(seconds: float) -> bool:
    """Move every saga that has waiting events, oldest event first, until none is left that could be moved.

    False when something may be left after `seconds`.
    """
    return _passes(lambda: _pick(WITH_EVENTS), seconds, _has_events)


def sweep(seconds: float) -> bool:
    """Wake every saga whose deadline has passed, longest ago first, then do what `drain` does.

    What a lost wake-up left behind is found so. False when something may be left after `seconds`.
    """
    began = time.monotonic()
    done = _passes(lambda: _pick(WITH_DEADLINE), seconds)
    return done and drain(seconds - (time.monotonic() - began))


def advance(order_ids: Iterable[UUID]) -> int:
    """Apply what waits for these orders' sagas now, also where one failed before; returns how many moved or failed."""
    ids = sorted(set(order_ids))
    batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return sum(_pass(lambda batch=batch: _locked(batch)) for batch in batches)  # type: ignore[misc]


def _passes(pick: Pick, seconds: float, may_go_on: Callable[[], bool] = lambda: True) -> bool:
    """Pass until one finds nothing, or until nothing can be left: a look costs less than a pass."""
    until = time.monotonic() + seconds
    while _pass(pick) and may_go_on():
        if time.monotonic() >= until:
            return False
    return True


def _now() -> dict[str, Any]:
    """The time that `FIT` compares deadlines with."""
    known = [{"kind": each.kind, "version": each.version} for each in DEFINITIONS.values()]
    return {"known": json.dumps(known), "now": timezone.now()}


def _pick(query: str) -> list[Saga]:
    with connection.cursor() as cursor:
        cursor.execute(query, {**_now(), "limit": BATCH})
        locked = [row[0] for row in cursor.fetchall()]
    # Read after they are locked: the statement that locked them may have seen them as they were before.
    return list(Saga.objects.filter(pk__in=locked)) if locked else []


def _has_events() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM saga_sagaevent)")
        return bool(cursor.fetchone()[0])


def _locked(order_ids: Sequence[UUID]) -> list[Saga]:
    return list(Saga.objects.select_for_update().filter(order_id__in=order_ids).order_by("order_id"))


def _pass(pick: Pick) -> int:
    """Move what `pick` locks, in one transaction; how many sagas moved or were put off."""
    sagas: list[Saga] = []
    try:
        with transaction.atomic():
            sagas = pick()
            changed = _advance(sagas)
    except STORE_AWAY:
        raise
    except Exception:
        if not sagas:
            raise  # none of them is to blame
        logger.exception("A batch of %d sagas cannot be written: each is moved by itself", len(sagas))
        changed = sum(_alone(saga) for saga in sagas)
    crash_point("saga.committed")
    return changed


def _alone(saga: Saga) -> int:
    try:
        with transaction.atomic():
            return _advance(_locked([saga.order_id]))
    except STORE_AWAY:
        raise
    except Exception:
        logger.exception("The saga of order %s cannot be written; its events are kept", saga.order_id)
        with transaction.atomic():
            _put_off(_locked([saga.order_id]), timezone.now())
        return 1


def _advance(sagas: Sequence[Saga]) -> int:
    """Move locked sagas by what waits for them; one that raises is put off. How many have changed."""
    if not sagas:
        return 0
    # Read after the lock: whatever a concurrent task applied is gone by now.
    waiting = defaultdict[UUID, list[SagaEvent]](list)
    for event in SagaEvent.objects.filter(order_id__in=[saga.order_id for saga in sagas]):
        waiting[event.order_id].append(event)
    turn = _decide(sagas, waiting)
    if turn.failed:
        _put_off(turn.failed, turn.now)
    if turn.moved:
        updates.update(turn.moved)
        applied = [event.pk for saga in turn.moved for event in waiting[saga.order_id]]
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM saga_sagaevent WHERE id = ANY(%s)", [applied])
        outbox.publish_all([each for saga in turn.moved for each in turn.outgoing[saga.order_id]])
        turn.say()
    return len(turn.moved) + len(turn.failed)


@dataclass
class Turn:
    """What becomes of a batch of sagas; nothing of it is written yet."""

    now: datetime
    moved: list[Saga] = field(default_factory=list)
    failed: list[Saga] = field(default_factory=list)
    outgoing: dict[UUID, list[Outgoing]] = field(default_factory=dict)  # by order

    @property
    def commands(self) -> list[tuple[Saga, outbox.Row]]:
        """What those that moved send, as the outbox keeps it."""
        return [(saga, outbox.row(*each)) for saga in self.moved for each in self.outgoing[saga.order_id]]

    def say(self) -> None:
        """Those that moved are written: say so when that is committed."""
        if self.moved:
            transaction.on_commit(partial(say_moved, self.moved))
            crash_point("saga.written")


def _decide(sagas: Sequence[Saga], events: Events) -> Turn:
    turn = Turn(timezone.now())
    for saga in sagas:
        came, lines = events.get(saga.order_id, ()), len(saga.history)
        try:
            turn.outgoing[saga.order_id] = _move(saga, came, turn.now)
        except OfLaterRelease:
            continue  # its own processes move it: it is neither moved nor put off here
        except Exception:
            logger.exception("The saga of order %s cannot go on; its events are kept", saga.order_id)
            turn.failed.append(saga)
            continue
        if came or len(saga.history) > lines:  # the engine notes whatever it does
            turn.moved.append(saga)
    return turn


def _put_off(failed: Sequence[Saga], now: datetime) -> None:
    """Count the failure and wait, twice as long each time; nothing else of these sagas is written."""
    FAILURES.inc(len(failed))
    for saga in failed:
        saga.failures += 1
        wait = min(2.0 ** min(saga.failures, 16), LONGEST_BACKOFF)
        saga.retry_at = now + timedelta(seconds=wait)
    updates.update(failed, updates.PUT_OFF)


def _move(saga: Saga, events: Sequence[Event], now: datetime) -> list[Outgoing]:
    definition = _definition(saga)
    commands = []
    for event in events:
        message = event.message
        if isinstance(message, OrderSubmitted):
            commands += engine.start(saga, definition, now)
        else:
            commands += engine.apply(saga, definition, message, now)
    commands += engine.wake(saga, definition, now)
    saga.version, saga.failures, saga.retry_at, saga.updated_at = definition.version, 0, None, now
    cause = Cause(events[-1].message_id if events else "", saga.traceparent)
    return [(command, cause) for command in commands]


def _definition(saga: Saga) -> Definition:
    definition = DEFINITIONS[saga.kind]
    if saga.version > definition.version:
        raise OfLaterRelease
    return definition


@dataclass(frozen=True, slots=True)
class Cause:
    """Commands leave under the trace of the request that placed their order."""

    id: str
    traceparent: str


@transaction.atomic
def wake_by_hand(saga_id: UUID) -> Saga | None:
    """Ask the current step again, whatever its retries say; begin a saga that no worker has begun.

    None where there is no such saga. Raises OfLaterRelease.
    """
    known = Saga.objects.filter(pk=saga_id).first()
    if known is None:
        return None
    _definition(known)  # one of a later release is left alone
    moved = advance(Saga.objects.filter(pk=saga_id, step="").values_list("order_id", flat=True))
    saga = Saga.objects.select_for_update().filter(pk=saga_id).first()
    if saga is None:
        return None
    now, lines, definition = timezone.now(), len(saga.history), _definition(saga)
    before = _told(saga)
    commands = [] if moved else engine.wake(saga, definition, now, by_hand=True)
    if len(saga.history) > lines:
        saga.version, saga.failures, saga.retry_at, saga.updated_at = definition.version, 0, None, now
        updates.update([saga])
        outbox.publish_all((command, Cause("", saga.traceparent)) for command in commands)
    if moved or len(saga.history) > lines:
        record(saga, "tried again", compared(_told(known) if moved else before, _told(saga)))
    return saga


def _told(saga: Saga) -> dict[str, str]:
    """The fields of a saga that its history compares."""
    return {"status": saga.shown_status, "step": saga.step}
