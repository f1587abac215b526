"""What waits in Redis for a Celery worker, and the flag that says a wake-up is on its way.

A wake-up stands for everything that waits, so one is enough: it is sent only by whoever sets the flag, and the
worker takes the flag away before it looks. What was written before the flag was found standing is seen by the
worker that takes it away. Redis keeps each of Celery's queues as a list of the queue's name.
"""

from functools import cache
from typing import cast

from django.conf import settings
from redis import Redis

FLAG = "saga:wake-up"
# Whoever set the flag may have died before the wake-up was sent: the sweep does its work until this is over.
FLAG_SECONDS = 5
WAKE_UPS, DEADLINES = "saga", "saga-deadlines"  # the queues
MOST_WAITING = 10  # messages of one queue, however long no worker comes for them
ANSWER_SECONDS = 2.0  # for Redis


@cache
def redis() -> "Redis":
    """The Redis that Celery uses."""
    return Redis.from_url(
        settings.ENVIRONMENT.redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
    )


def waiting(queue: str) -> int:
    """How many messages no worker has taken yet; raises RedisError."""
    return cast("int", redis().llen(queue))


def is_crowded(queue: str) -> bool:
    """Whether so much waits in `queue` that one more would change nothing; raises RedisError."""
    return waiting(queue) >= MOST_WAITING


def raise_flag() -> bool:
    """Whether it was down; raises RedisError."""
    return bool(redis().set(FLAG, 1, nx=True, ex=FLAG_SECONDS))


def lower_flag() -> None:
    """From now on a wake-up is sent for whatever is written; raises RedisError."""
    redis().delete(FLAG)
