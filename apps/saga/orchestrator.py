"""Brings the engine and the database together: lock, apply what waits, write the next commands, commit.

One transaction for a whole batch of sagas. What a saga does is decided in memory, so one that fails is left
alone with its events and holds up none of its neighbours.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.saga import engine
from apps.saga.models import Saga, SagaEvent
from apps.saga.placement import DEFINITIONS
from shared.contracts import BY_TYPE, OrderSubmitted
from shared.faults import crash_point
from shared.messaging import outbox
from shared.messaging.outbox import Outgoing

logger = logging.getLogger(__name__)

BATCH = 200  # sagas in one transaction
UNSEEN = timedelta(seconds=1)  # an event that waits longer lost its wake-up, or stands in a queue
HOPEFUL = timedelta(seconds=60)  # one that waits longer is not taken along by its neighbours' wake-ups
CHANGING = [
    "status", "is_stuck", "step", "deadline", "reason", "cancel_requested", "steps", "history", "updated_at",
]  # fmt: skip


def advance(order_ids: Iterable[UUID]) -> int:
    """Apply everything that waits for these orders' sagas. Safe to call at any time; returns how many moved."""
    ids = sorted(set(order_ids))
    moved = sum(_advance_batch(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))
    crash_point("saga.committed")
    return moved


def due(now: datetime) -> list[UUID]:
    """Orders whose sagas have waiting events that nobody took, or a deadline that has passed."""
    forgotten = SagaEvent.objects.filter(received_at__lt=now - UNSEEN).values_list("order_id", flat=True)
    late = Saga.objects.filter(deadline__lte=now).values_list("order_id", flat=True)
    return list({*forgotten[: BATCH * 5], *late[: BATCH * 5]})


def queued(now: datetime) -> list[UUID]:
    """Orders whose events wait behind others' wake-ups: a worker that is behind takes them all at once.

    One task for each wake-up in the queue would never catch up. Those that failed again and again are left to
    the sweep.
    """
    between = (now - HOPEFUL, now - UNSEEN)
    waiting = SagaEvent.objects.filter(received_at__range=between).values_list("order_id", flat=True)
    return list({*waiting[: BATCH * 5]})


@transaction.atomic
def _advance_batch(ids: Sequence[UUID]) -> int:
    sagas = list(Saga.objects.select_for_update().filter(order_id__in=ids).order_by("order_id"))
    # Read after the lock: whatever a concurrent task applied is gone by now.
    waiting = defaultdict(list)
    for event in SagaEvent.objects.filter(order_id__in=[saga.order_id for saga in sagas]):
        waiting[event.order_id].append(event)
    now = timezone.now()
    moved: list[Saga] = []
    applied: list[int] = []
    outgoing: list[Outgoing] = []
    for saga in sagas:
        events = waiting[saga.order_id]
        try:
            commands = _move(saga, events, now)
        except Exception:
            logger.exception("The saga of order %s cannot go on; its events are kept", saga.order_id)
            continue
        moved.append(saga)
        applied.extend(event.pk for event in events)
        outgoing.extend(commands)
    if applied or outgoing:
        Saga.objects.bulk_update(moved, CHANGING)
        SagaEvent.objects.filter(pk__in=applied).delete()
        outbox.publish_all(outgoing)
        crash_point("saga.written")
    return len(moved)


def _move(saga: Saga, events: Sequence[SagaEvent], now: datetime) -> list[Outgoing]:
    definition = DEFINITIONS[saga.kind]
    commands = []
    for event in events:
        if event.type == OrderSubmitted.TYPE:
            commands += engine.start(saga, definition, now)
        else:
            message = BY_TYPE[event.type].model_validate(event.data, strict=False)
            commands += engine.apply(saga, definition, message, now)
    commands += engine.wake(saga, definition, now)
    saga.updated_at = now
    cause = Cause(events[-1].message_id if events else "", saga.traceparent)
    return [(command, cause) for command in commands]


@dataclass(frozen=True, slots=True)
class Cause:
    """Commands leave under the trace of the request that placed their order."""

    id: str
    traceparent: str


def wake_by_hand(saga_id: UUID) -> Saga | None:
    """Ask the current step again, whatever its retries say; begin a saga that no worker has begun.

    None where there is no such saga.
    """
    moved = advance(Saga.objects.filter(pk=saga_id, step="").values_list("order_id", flat=True))
    with transaction.atomic():
        saga = Saga.objects.select_for_update().filter(pk=saga_id).first()
        if saga is None:
            return None
        now = timezone.now()
        commands = [] if moved else engine.wake(saga, DEFINITIONS[saga.kind], now, by_hand=True)
        if commands:
            saga.updated_at = now
            saga.save(update_fields=CHANGING)
            outbox.publish_all((command, Cause("", saga.traceparent)) for command in commands)
    return saga
