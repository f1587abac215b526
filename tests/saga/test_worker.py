"""What Celery is told: with its defaults a wake-up would be lost with its worker, or wait for an hour."""

from typing import Any

import pytest

from apps.saga import tasks
from apps.saga.celery import app


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
