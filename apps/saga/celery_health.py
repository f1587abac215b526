"""Health of the Celery worker and beat: both answer probes, and say so when they have fallen silent.

A worker can stay connected to a Redis that came back and never take a task again (celery#8091). Beat sends a sweep every
few seconds, so a worker that is silent while something waits has stalled: the probe fails and it is started again. While
Redis is away, or when nothing waits because beat is away, silence is right; after it Celery may take half a minute to
look again.
"""

import logging
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.signals import beat_init, task_postrun, worker_ready
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from apps.saga import broker
from shared.telemetry import probe
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

SILENCE = 20.0  # seconds
ANSWER_SECONDS = 1.0  # for Redis


def is_redis_away() -> bool:
    """Whether nobody could take a task now."""
    try:
        with Redis.from_url(settings.ENVIRONMENT.redis_url, socket_timeout=ANSWER_SECONDS) as redis:
            redis.ping()
    except RedisError:
        return True
    return False


def has_nothing_to_do() -> bool:
    """Whether no task waits for a worker, or nobody could take one."""
    try:
        return not (broker.waiting(broker.WAKE_UPS) or broker.waiting(broker.DEADLINES))
    except RedisError:
        return True


BEAT = Heartbeat(SILENCE, is_redis_away)
WORKER = Heartbeat(SILENCE, has_nothing_to_do)  # a beat that is away is no reason to start every worker again


class HeartbeatScheduler(Scheduler):
    """Beat's scheduler without a file: nothing is lost with it, since the database knows what is due."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due, and say that the loop turns."""
        BEAT.beat()
        return super().tick(*args, **kwargs)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send `entry`, unless so many wait that one more would change nothing: no worker comes for them."""
        if not _is_crowded():
            super().apply_entry(entry, producer=producer)


def _is_crowded() -> bool:
    try:
        return broker.is_crowded(broker.DEADLINES)  # beat sends nothing but sweeps
    except RedisError:
        return False  # Celery says what is wrong


def serve(heartbeat: Heartbeat) -> None:
    """Answer probes in this process."""
    heartbeat.ready = True
    heartbeat.beat()
    env = settings.ENVIRONMENT
    if env.probe_port:
        probe.serve(env.probe_host, env.probe_port, heartbeat)


@worker_ready.connect(weak=False)
def _serve_worker(**_: Any) -> None:
    serve(WORKER)


@beat_init.connect(weak=False)
def _serve_beat(**_: Any) -> None:
    serve(BEAT)


@task_postrun.connect(weak=False)
def _note_task(**_: Any) -> None:
    """A task was done: this worker has not stalled."""
    WORKER.beat()
