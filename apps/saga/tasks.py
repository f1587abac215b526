"""What Celery does: wake sagas. Both tasks are safe to run twice, late, or at once."""

from collections.abc import Iterable
from uuid import UUID

from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.saga import orchestrator
from apps.saga.processes import logger
from shared.faults import crash_point


@shared_task(ignore_result=True)
def advance(order_ids: list[str]) -> None:
    """Apply what waits for these orders' sagas, and for those whose wake-ups stand in the queue behind this one."""
    close_old_connections()
    crash_point("saga.task-begun")
    orchestrator.advance([*map(UUID, order_ids), *orchestrator.queued(timezone.now())])


@shared_task(ignore_result=True)
def sweep() -> None:
    """Wake every saga that waits for it: a wake-up was lost, or a deadline has passed."""
    close_old_connections()
    orchestrator.advance(orchestrator.due(timezone.now()))


def wake(order_ids: Iterable[UUID]) -> None:
    """Send one wake-up for a whole batch. Redis away costs time, not truth: the sweep sees the same."""
    crash_point("saga.before-wake")
    try:
        advance.apply_async(args=([str(order_id) for order_id in order_ids],), retry=False)
    except OperationalError as error:
        logger.warning("The wake-up was not sent; the sweep will find the sagas: %s", error)
    crash_point("saga.after-wake")
