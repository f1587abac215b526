"""What Celery is told: with its defaults a wake-up would be lost with its worker, or wait for an hour."""

import socket
import time
from typing import Any

import pytest
from django.conf import settings

from apps.saga import processes, tasks
from apps.saga.celery import app
from shared.telemetry.probe import Pulse


@pytest.mark.parametrize("task", [tasks.advance, tasks.sweep], ids=lambda task: str(task.name))
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


def test_what_waits_in_redis_lives_no_longer_than_the_next_sweep() -> None:
    """Red when the sweeps of an hour without a worker would all be done after it."""
    (sweep,) = app.conf.beat_schedule.values()
    assert sweep["task"] == tasks.sweep.name
    assert sweep["schedule"] <= 5
    assert sweep["options"]["expires"] <= 10


def test_a_worker_that_waits_for_redis_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Redis is away its silence is right, and once it is back Celery needs a while. Red without `is_redis_away`."""
    monkeypatch.setattr(processes, "ANSWER_SECONDS", 20.0)
    pulse = Pulse(0.1, processes.is_redis_away)
    time.sleep(0.2)
    assert not pulse.is_alive(), "Redis is there, and it does nothing"
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    nowhere = settings.ENVIRONMENT.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})
    monkeypatch.setattr(settings, "ENVIRONMENT", nowhere)
    assert pulse.is_alive()
