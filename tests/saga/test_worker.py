"""The worker and what it is told: a real one runs here, on a Redis database of the tests' own."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import current_thread, main_thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_prerun
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone
from redis import Redis

from apps.saga import broker, celery_health, handlers, orchestrator, tasks
from apps.saga.broker import DEADLINES, WAKE_UPS
from apps.saga.celery import app
from apps.saga.models import Saga, SagaEvent
from shared import contracts as c
from shared.contracts.message import AboutOrder
from shared.messaging.models import OutboxMessage
from shared.telemetry.probe import Heartbeat
from shared.testing.messages import received

OWN_DATABASE = 11  # of Redis: no service has it, nor another suite
PRODUCT = "a" * 24


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator["Redis"]:
    """An empty Redis database, which Celery uses while the test runs."""
    address = f"{settings.ENVIRONMENT.redis_url.rpartition('/')[0]}/{OWN_DATABASE}"
    environment = settings.ENVIRONMENT.model_copy(update={"redis_url": address})
    monkeypatch.setattr(settings, "ENVIRONMENT", environment)
    before = app.conf.broker_url
    _use(address)
    with Redis.from_url(address) as client:
        client.flushdb()
        yield client
    _use(before)


def _use(address: str) -> None:
    broker.redis.cache_clear()
    app.conf.update(broker_url=address)
    app._after_fork()  # type: ignore[attr-defined]  # whoever sends next looks at the address anew


@contextmanager
def worker() -> Iterator[tuple[list[str], list[Any]]]:
    """A worker in a thread; the names of the tasks that it begins, and the connections that it opens."""
    begun: list[str] = []
    opened: list[Any] = []

    def note(task: Any, **_: object) -> None:
        begun.append(task.name.rpartition(".")[2])

    def count(connection: Any, **_: object) -> None:
        if current_thread() is not main_thread():
            opened.append(connection)

    task_prerun.connect(note)
    connection_created.connect(count)
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=60):
            yield begun, opened
    finally:
        task_prerun.disconnect(note)
        connection_created.disconnect(count)
        for each in opened:
            each.inc_thread_sharing()  # its thread has ended
            each.close()


def until(happened: Callable[[], Any], what: str) -> None:
    give_up_at = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.02)


def leave(*events: AboutOrder) -> None:
    """As the consumer does with what it cannot move: written down and committed, then Celery is woken."""
    with transaction.atomic():
        for event in events:
            if isinstance(event, c.OrderSubmitted):
                handlers.start_later([received(event)])
            else:
                handlers.move_later([received(event)])


def submitted(order_id: UUID) -> c.OrderSubmitted:
    items = (c.OrderedItem(product_id=PRODUCT, quantity=2),)
    return c.OrderSubmitted(
        order_id=order_id, customer_id="alice", items=items, total=Decimal(2), currency="EUR"
    )


@pytest.mark.django_db(transaction=True)
class TestWhatIsSent:
    """Without a worker: what stands in Redis."""

    def test_one_wake_up_for_whatever_comes(self, redis: "Redis") -> None:
        """Red when each batch of events sends its own: tasks would pile up before a worker that is behind."""
        for _ in range(50):
            tasks.wake()
        assert redis.llen(WAKE_UPS) == 1

    def test_a_wake_up_is_sent_again_once_one_was_taken(self, redis: "Redis") -> None:
        tasks.wake()
        tasks.drain()
        tasks.wake()
        assert redis.llen(WAKE_UPS) == 2

    def test_the_flag_is_taken_away_before_anything_is_read(
        self, redis: "Redis", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Events that come while a drain reads find no flag, and send the next. Red with the two lines swapped."""
        tasks.wake()
        seen: list[object] = []

        def look(_: float) -> bool:
            seen.append(redis.get(broker.FLAG))
            return True

        monkeypatch.setattr(orchestrator, "drain", look)
        tasks.drain()
        assert seen == [None]

    def test_a_drain_that_is_not_done_wakes_the_next(
        self, redis: "Redis", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(orchestrator, "drain", lambda _: False)
        tasks.drain()
        assert redis.llen(WAKE_UPS) == 1

    def test_a_flag_whose_owner_died_falls_by_itself(self, redis: "Redis") -> None:
        """Killed between the flag and the wake-up. Until then the sweep does the work. Red without `ex`."""
        assert broker.raise_flag()
        tasks.wake()
        assert redis.llen(WAKE_UPS) == 0
        assert redis.ttl(broker.FLAG) in range(1, 6)

    def test_a_worker_that_is_away_does_not_fill_redis(self, redis: "Redis") -> None:
        scheduler = celery_health.HeartbeatScheduler(app=app, lazy=True)
        scheduler.setup_schedule()
        for _ in range(3 * broker.MOST_WAITING):
            tasks.wake()
            redis.delete(broker.FLAG)
            scheduler.apply_entry(scheduler.schedule["sweep"])
        assert (redis.llen(WAKE_UPS), redis.llen(DEADLINES)) == (broker.MOST_WAITING, broker.MOST_WAITING)

    def test_redis_away_costs_a_consumer_nothing_but_time(
        self, redis: "Redis", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nowhere = settings.ENVIRONMENT.model_copy(update={"redis_url": nobody()})
        monkeypatch.setattr(settings, "ENVIRONMENT", nowhere)
        broker.redis.cache_clear()
        tasks.wake()
        broker.redis.cache_clear()


@pytest.mark.django_db(transaction=True)
class TestWorking:
    """With a worker: what it does, and what it costs."""

    def test_a_passed_deadline_does_not_stand_behind_400_wake_ups(self, redis: "Redis") -> None:
        """It is the first or second thing that is done, and nothing is done for longer than two seconds.

        Red with one queue for both.
        """
        order_id = uuid4()
        leave(submitted(order_id))
        orchestrator.advance([order_id])
        Saga.objects.update(deadline=timezone.now() - timedelta(seconds=1))
        for _ in range(400):
            tasks.drain.apply_async()
        tasks.sweep.apply_async()
        with worker() as (begun, _):
            until(lambda: OutboxMessage.objects.count() == 2, "the step is asked again")
            redis.delete(WAKE_UPS)  # the rest need not be waited for
        assert "sweep" in begun[:2]
        assert tasks.TASK_SECONDS <= 2

    def test_what_one_order_costs_that_is_always_held_up(self, redis: "Redis") -> None:
        """One task for each of its four events at most, all on one connection of the worker's.

        Red without CELERY_DB_REUSE_MAX: each task would open its own.
        """
        order_id = uuid4()
        with worker() as (begun, opened):
            for asked, event in enumerate(course(order_id), 1):
                leave(event)
                until(partial(_has_asked, asked), "the next step is asked")
        assert Saga.objects.get().status == "completed"
        assert len(begun) <= 2 * 4  # a task that a slow machine cuts short wakes another
        assert len(opened) <= 1

    def test_many_orders_share_tasks(self, redis: "Redis") -> None:
        """Red when the number of tasks grows with the number of orders."""
        for order_id in [uuid4() for _ in range(40)]:
            leave(submitted(order_id))
        with worker() as (begun, _):
            until(lambda: not SagaEvent.objects.exists(), "everything has moved")
        assert (
            Counter(begun)["drain"] < 5
        )  # one; another where its flag fell while a slow machine wrote the events

    def test_a_broken_connection_is_noticed_before_the_next_task(self, redis: "Redis") -> None:
        """Red when a connection is kept that the database has closed."""
        with worker():
            leave(submitted(uuid4()))
            until(lambda: not SagaEvent.objects.exists(), "the first has moved")
            _end_other_sessions()
            leave(submitted(uuid4()))
            until(lambda: not SagaEvent.objects.exists(), "the second has moved")
        assert Saga.objects.exclude(failures=0).count() == 0

    def test_a_wake_up_of_the_release_before_is_understood(self, redis: "Redis") -> None:
        leave(submitted(uuid4()))
        redis.flushdb()
        tasks.advance.apply_async(args=([str(uuid4())],))
        with worker():
            until(lambda: not SagaEvent.objects.exists(), "it has moved")


def course(order_id: UUID) -> list[AboutOrder]:
    """What an order that goes well is told."""
    order = submitted(order_id).model_dump()
    return [
        submitted(order_id),
        c.StockReserved(order_id=order_id),
        c.StockCommitted(order_id=order_id),
        c.OrderConfirmed(**order),
    ]


def _has_asked(commands: int) -> bool:
    return OutboxMessage.objects.count() >= commands


def _end_other_sessions() -> None:
    """As a PostgreSQL that starts anew does; autovacuum, which may be at work, is nobody's session."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


@pytest.mark.parametrize("task", [tasks.drain, tasks.sweep, tasks.advance], ids=lambda task: str(task.name))
def test_a_task_is_acknowledged_after_it_was_done(task: Any) -> None:
    """Red when a worker that is killed takes its task with it: by default it is acknowledged as it begins."""
    bound = app.tasks[task.name]
    assert bound.acks_late
    assert bound.ignore_result


def test_a_killed_workers_tasks_are_given_to_another_soon() -> None:
    """Red when they wait for longer than an order may take after a fault (90 s), or one worker hoards them."""
    assert app.conf.broker_transport_options["visibility_timeout"] <= 60
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_acks_on_failure_or_timeout  # one that failed is for the sweep, not for ever


def test_deadlines_are_looked_for_often_and_on_a_queue_of_their_own() -> None:
    """Red when sweeps stand behind wake-ups, or expire unread behind them."""
    (sweep,) = app.conf.beat_schedule.values()
    assert sweep["task"] == tasks.sweep.name
    assert sweep["schedule"] <= 5
    assert "expires" not in sweep.get("options", {})
    assert app.conf.task_routes[tasks.sweep.name] == {"queue": DEADLINES}
    assert {queue.name for queue in app.conf.task_queues} == {WAKE_UPS, DEADLINES}


def test_a_worker_that_waits_for_redis_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Redis is away its silence is right, and once it is back Celery needs a while. Red without `is_redis_away`."""
    monkeypatch.setattr(celery_health, "ANSWER_SECONDS", 20.0)
    heartbeat = Heartbeat(0.1, celery_health.is_redis_away)
    time.sleep(0.2)
    assert not heartbeat.is_alive(), "Redis is there, and it does nothing"
    nowhere = settings.ENVIRONMENT.model_copy(update={"redis_url": nobody()})
    monkeypatch.setattr(settings, "ENVIRONMENT", nowhere)
    assert heartbeat.is_alive()


def test_a_worker_is_not_started_again_because_beat_is_away(redis: "Redis") -> None:
    """Nobody sends anything: its silence is right, until something waits. Red without `has_nothing_to_do`."""
    heartbeat = Heartbeat(0.1, celery_health.WORKER._is_excused)
    time.sleep(0.2)
    assert heartbeat.is_alive()
    redis.rpush(DEADLINES, "a task that nobody takes")
    time.sleep(0.2)
    assert not heartbeat.is_alive(), "something waits, and it does nothing"


def nobody() -> str:
    """The address of a Redis that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
