"""Announcements from the consumer's side: they hold nobody up, and the last ones still leave."""

import logging
import time
from collections.abc import Iterator

import pytest
import redis

from apps.notification.models import Notification
from apps.notification.push import MAX_WAITING, Pusher
from tests.notification.processes import Redis


@pytest.fixture
def told(customer: str) -> list[Notification]:
    return [Notification(customer_id=customer, id=1, event="order.shipped", title="t", body="b", data={})]


@pytest.fixture
def ear(redis_server: Redis) -> Iterator[redis.client.PubSub]:
    """Hears everything that is announced."""
    listener = redis.client.PubSub(
        redis.ConnectionPool.from_url(redis_server.url), ignore_subscribe_messages=True
    )
    listener.psubscribe("*live")  # type: ignore[no-untyped-call]
    listener.get_message(timeout=1)
    yield listener
    listener.close()


def heard(ear: redis.client.PubSub) -> int:
    count = 0
    while ear.get_message(timeout=0.3):
        count += 1
    return count


def test_what_was_announced_has_left_when_the_process_ends(
    ear: redis.client.PubSub, told: list[Notification]
) -> None:
    pusher = Pusher()
    for _ in range(5):
        pusher.push(told)
    pusher.finish()
    assert heard(ear) == 5


def test_the_end_does_not_wait_for_a_redis_that_hangs(
    redis_server: Redis, told: list[Notification], caplog: pytest.LogCaptureFixture
) -> None:
    pusher = Pusher()
    redis_server.freeze()
    try:
        with caplog.at_level(logging.WARNING):
            pusher.push(told)
            started = time.monotonic()
            pusher.finish()
            assert time.monotonic() - started < 2
    finally:
        redis_server.thaw()
    assert "1 announcements did not leave in time" in caplog.text


def test_announcements_do_not_pile_up_while_redis_hangs(
    redis_server: Redis, ear: redis.client.PubSub, told: list[Notification]
) -> None:
    pusher = Pusher()
    redis_server.freeze()
    try:
        for _ in range(MAX_WAITING + 30):
            pusher.push(told)
    finally:
        redis_server.thaw()
    pusher.finish()
    assert heard(ear) < MAX_WAITING + 10  # one or two may slip through before it hangs
    pusher.push(told)
    pusher.finish()
    assert heard(ear) == 1
