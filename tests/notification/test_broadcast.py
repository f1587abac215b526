"""Announcements from the consumer's side: they hold nobody up, and the last ones still leave."""

import logging
import time
from collections.abc import Iterator

import pytest
import redis

from apps.notification import broadcast
from apps.notification.broadcast import MAX_WAITING, Broadcaster
from apps.notification.models import Notification
from tests.notification.processes import Redis


@pytest.fixture
def told(customer: str) -> list[Notification]:
    return [Notification(customer_id=customer, id=1, event="order.shipped", title="t", body="b", data={})]


@pytest.fixture
def ear(redis_server: Redis) -> Iterator[redis.client.PubSub]:
    """Hears everything that is announced."""
    listener = redis.client.PubSub(redis.ConnectionPool.from_url(redis_server.url))
    listener.psubscribe("*live")  # type: ignore[no-untyped-call]
    assert (listener.get_message(timeout=30) or {})["type"] == "psubscribe"
    yield listener
    listener.close()


def heard(ear: redis.client.PubSub, redis_server: Redis) -> int:
    """How many announcements came before the word that is said now."""
    redis.Redis.from_url(redis_server.url).publish("the end of all that is live", b"end")
    count = 0
    while (message := ear.get_message(timeout=30)) and message["data"] != b"end":
        count += 1
    assert message, "the end was not heard"
    return count


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is announced has the time that a busy machine needs."""
    monkeypatch.setattr(broadcast, "DRAIN_SECONDS", 30.0)
    monkeypatch.setattr(broadcast, "TIMEOUT", 60.0)


def test_what_was_announced_has_left_when_the_process_ends(
    redis_server: Redis, ear: redis.client.PubSub, told: list[Notification], patient: None
) -> None:
    broadcaster = Broadcaster()
    for _ in range(5):
        broadcaster.broadcast(told)
    broadcaster.finish()
    assert heard(ear, redis_server) == 5


def test_the_end_does_not_wait_for_a_redis_that_hangs(
    redis_server: Redis,
    told: list[Notification],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast, "TIMEOUT", 60.0)  # the announcement itself waits for longer
    assert broadcast.DRAIN_SECONDS < 2
    broadcaster = Broadcaster()
    redis_server.freeze()
    try:
        with caplog.at_level(logging.WARNING):
            broadcaster.broadcast(told)
            started = time.monotonic()
            broadcaster.finish()
            assert time.monotonic() - started < 15
    finally:
        redis_server.thaw()
    broadcaster.finish()
    assert "1 announcements did not leave in time" in caplog.text


def test_announcements_do_not_pile_up_while_redis_hangs(
    redis_server: Redis, ear: redis.client.PubSub, told: list[Notification], patient: None
) -> None:
    broadcaster = Broadcaster()
    redis_server.freeze()
    try:
        for _ in range(MAX_WAITING + 30):
            broadcaster.broadcast(told)
    finally:
        redis_server.thaw()
    broadcaster.finish()
    assert heard(ear, redis_server) < MAX_WAITING + 10  # one or two may slip through before it hangs
    broadcaster.broadcast(told)
    broadcaster.finish()
    assert heard(ear, redis_server) == 1
