"""What a consumer does by the clock goes on, whatever happens to one job or to the connection."""

import time

import pytest
from django.db import connection

from shared.messaging.periodic import Periodic, run_due
from tests.shared.messaging.fault_proxy import FaultProxy
from tests.shared.messaging.lab import Boom, Lab, eventually, write

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_runs_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    runs: list[float] = []
    job = Periodic(lambda: runs.append(now[0]), seconds=4)

    with monkeypatch.context() as clock:
        clock.setattr("shared.messaging.periodic.time.monotonic", lambda: now[0])
        for _ in range(10):
            run_due([job])
            now[0] += 1

    assert runs == [100, 104, 108]


def test_a_job_that_has_more_to_do_comes_again_in_the_next_turn() -> None:
    left = [3]

    def piece() -> bool:
        left[0] -= 1
        return left[0] > 0

    job = Periodic(piece, seconds=600)
    for _ in range(5):
        run_due([job])
    assert left == [0]


def test_a_job_that_fails_stops_no_other_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise Boom("job")

    good: list[int] = []
    jobs = [Periodic(fail, 0.0), Periodic(lambda: good.append(1), 0.0)]

    assert not run_due(jobs)
    assert not run_due(jobs)
    assert run_due(jobs[1:])

    assert (len(tries), len(good)) == (2, 3)
    assert "Boom: job" in caplog.text


def test_a_connection_that_broke_is_made_anew_without_any_message(lab: Lab) -> None:
    job = Periodic(lambda: write("clock", "tick"), seconds=0.2)
    host, port = connection.settings_dict["HOST"], int(connection.settings_dict["PORT"])
    running = lab.running(lab.consumer(periodic=[job]))
    with FaultProxy(host, port) as proxy, proxy.instead_of_the_database(), running:
        eventually(lambda: lab.effects("clock"))
        proxy.cut()
        time.sleep(1)
        before = len(lab.effects("clock"))
        proxy.mend()
        eventually(lambda: len(lab.effects("clock")) > before)


def test_jobs_run_while_messages_come(lab: Lab) -> None:
    job = Periodic(lambda: write("clock", "tick"), seconds=0.1)

    def ticks_after_another_message(enough: int) -> bool:
        lab.send(lab.note("more"))
        return len(lab.effects("clock")) >= enough

    with lab.running(lab.consumer(periodic=[job])):
        lab.send(lab.note("first"))
        eventually(lambda: lab.effects("a"))
        before = len(lab.effects("clock"))
        eventually(lambda: ticks_after_another_message(before + 5))
