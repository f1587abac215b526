"""What Celery does: move sagas whose time has come, and those that a consumer could not move.

Each task carries nothing and is safe to run twice, late, or at once.

`drain` answers wake-ups. `sweep` comes by the clock, on a queue of its own: the worker takes from both in turn, and
neither task works for longer than `TASK_SECONDS`, so deadlines pass no longer than that behind a full queue.
"""

from celery import shared_task
from django.db import close_old_connections
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.saga import broker, orchestrator
from apps.saga.celery_health import logger
from shared.faults import crash_point

TASK_SECONDS = 2.0


@shared_task(ignore_result=True)
def drain() -> None:
    """Apply every event that waits, and wake another when there is more of them than this task may take."""
    close_old_connections()
    _lower_flag()
    crash_point("saga.task-begun")
    if not orchestrator.drain(TASK_SECONDS):
        wake()


@shared_task(ignore_result=True)
def sweep() -> None:
    """Move every saga whose deadline has passed, or whose wake-up was lost."""
    close_old_connections()
    crash_point("saga.task-begun")
    orchestrator.sweep(TASK_SECONDS)


@shared_task(ignore_result=True)
def advance(order_ids: list[str]) -> None:
    """What a consumer of release 0.1 sends in place of `drain`."""
    drain()


def wake() -> None:
    """See to it that a wake-up is on its way. Redis away costs time, not truth: the sweep sees the same."""
    crash_point("saga.before-wake")
    try:
        if broker.raise_flag() and not broker.is_crowded(broker.WAKE_UPS):
            drain.apply_async(retry=False)
    except (OperationalError, RedisError) as error:
        logger.warning("The wake-up was not sent; the sweep will find the sagas: %s", error)
    crash_point("saga.after-wake")


def _lower_flag() -> None:
    try:
        broker.lower_flag()
    except RedisError as error:
        logger.warning("The flag stands until it falls by itself: %s", error)
