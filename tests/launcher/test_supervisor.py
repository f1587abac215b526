"""The supervisor with real processes: what dies comes back, what stops stops whole, nothing outlives it."""

import os
import signal
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from launcher import platform
from launcher.instance import Instance
from launcher.supervisor.control import SupervisorAwayError, ask
from launcher.supervisor.lock import is_claimed
from launcher.supervisor.specification import Probe
from tests.launcher.programs import (
    SERVER,
    STUBBORN,
    descendants,
    described,
    eventually,
    guardian_of,
    running,
    server,
)


def test_what_dies_is_started_again_and_counted(instance: Instance) -> None:
    platform.start(instance, [server(instance)])
    first = running(instance)
    os.kill(first["pid"], signal.SIGKILL)
    second = eventually(lambda: described(instance)["restarts"] == 1 and running(instance))
    assert second["pid"] != first["pid"]


def test_what_the_dead_process_had_started_ends_too(instance: Instance) -> None:
    platform.start(instance, [server(instance)])
    first = running(instance)
    (worker,) = descendants(first["pid"])
    os.kill(first["pid"], signal.SIGKILL)
    eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert running(instance)["pid"] != first["pid"]


def test_a_worker_that_left_the_group_ends_with_its_parent(instance: Instance) -> None:
    program = 'import subprocess, sys; subprocess.Popen(["sleep", "600"], start_new_session=True)\n'
    platform.start(instance, [server(instance, program=program + server(instance).command[2])])
    pid = running(instance)["pid"]
    sleeper = next(each for each in descendants(pid) if each.name() == "sleep")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not sleeper.is_running())


def test_a_process_that_keeps_dying_is_given_longer_and_longer_pauses(instance: Instance) -> None:
    began = time.monotonic()
    platform.start(instance, [server(instance, program="raise SystemExit(7)")])
    eventually(lambda: described(instance)["restarts"] >= 4)
    assert time.monotonic() - began > 0.2 + 0.4 + 0.8
    log = (instance.logs / "supervisor.log").read_text()
    assert "server (pid" in log
    assert "ended with 7; starting it again" in log


def test_a_command_that_does_not_exist_says_so_in_its_log(instance: Instance) -> None:
    platform.start(instance, [server(instance, command=("/nowhere/at-all",))])
    eventually(lambda: "/nowhere/at-all" in platform.last_lines(instance.logs / "server.log", 50))


def test_a_process_that_is_not_live_is_started_again(instance: Instance) -> None:
    made = server(instance)
    platform.start(
        instance, [replace(made, live=Probe("http", made.port, "/", timeout=0.3), live_interval=0.1)]
    )
    first = running(instance)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{first['port']}/hang", timeout=30)
    # A stall of the machine, too, makes it look dead for a while.
    second = eventually(lambda: described(instance)["restarts"] >= 1 and running(instance))
    assert second["pid"] != first["pid"]
    assert "was not live" in (instance.logs / "supervisor.log").read_text()


def test_what_ignores_the_polite_request_is_killed_in_the_end(instance: Instance) -> None:
    platform.start(instance, [server(instance, program=STUBBORN, stop_seconds=1)])
    pid = running(instance)["pid"]
    platform.stop(instance, ["server"])
    assert not psutil.pid_exists(pid)
    assert described(instance)["state"] == "stopped"


def test_services_stop_before_stores(instance: Instance) -> None:
    tell = "import signal, sys, time\ndef end(*_): open(sys.argv[2], 'a').write(sys.argv[3]); time.sleep(0.3); sys.exit()\n"
    order = instance.state / "order"
    for name, label in (("store", "store"), ("service", "service")):
        made = server(
            instance,
            name,
            program=tell + "signal.signal(signal.SIGTERM, end)\n" + server(instance).command[2],
        )
        platform.start(
            instance, [replace(made, command=(*made.command, str(order), f"{name} "), labels=(label,))]
        )
    running(instance, "store")
    running(instance, "service")
    platform.shut_down(instance)
    assert order.read_text() == "service store "


def test_starting_twice_changes_nothing(instance: Instance) -> None:
    made = server(instance)
    platform.start(instance, [made])
    first = running(instance)
    platform.start(instance, [made])
    assert running(instance) == first


def test_no_orphan_when_the_supervisor_is_killed(instance: Instance) -> None:
    platform.start(instance, [server(instance), server(instance, "stubborn", STUBBORN)])
    family = [psutil.Process(running(instance, name)["pid"]) for name in ("server", "stubborn")]
    family += [worker for process in family for worker in process.children()]
    (supervisor,) = guardian_of(instance).children()
    supervisor.kill()
    eventually(lambda: not any(process.is_running() for process in family))
    eventually(lambda: not is_claimed(instance.state))


def test_no_orphan_when_the_guardian_is_killed(instance: Instance) -> None:
    platform.start(instance, [server(instance)])
    process = psutil.Process(running(instance)["pid"])
    family = [process, *process.children()]
    guardian_of(instance).kill()
    eventually(lambda: not any(each.is_running() for each in family))


def test_leftovers_are_found_when_both_were_killed_at_once(instance: Instance) -> None:
    platform.start(instance, [server(instance, "stubborn", STUBBORN)])
    stubborn = psutil.Process(running(instance, "stubborn")["pid"])
    guardian = guardian_of(instance)
    for process in (*guardian.children(), guardian):
        process.suspend()
    for process in (guardian, *guardian.children()):
        process.kill()
    with pytest.raises(SupervisorAwayError):
        ask(instance.state, {"do": "status"})
    assert stubborn.is_running()
    platform.ensure_supervisor(instance, tied=True)  # what a following `up` does
    assert not stubborn.is_running()


def test_a_deep_checkout_is_no_problem_for_the_socket(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-directory-with-a-long-name"] * 6)
    found = Instance(0, deep)
    found.make_directories()
    assert len(str(found.state)) > 107
    platform.ensure_supervisor(found, tied=True)
    assert platform.is_supervised(found)
    assert platform.shut_down(found)
    assert not platform.is_supervised(found)


def test_an_unknown_request_is_answered_with_an_error(instance: Instance) -> None:
    assert "does not know" in ask(instance.state, {"do": "dance"})["error"]


def test_a_request_of_another_version_is_answered_with_an_error(instance: Instance) -> None:
    specification = {**server(instance).to_json(), "invented": 1}
    assert "invented" in ask(instance.state, {"do": "start", "processes": [specification]})["error"]
    assert platform.is_supervised(instance)


def test_a_variable_of_the_first_start_is_gone_after_a_crash(instance: Instance) -> None:
    """Red without the line in `Child._one_run` that forgets it: what crashes on purpose would crash for ever."""
    program = 'import os; print("told:", os.environ.get("TOLD"), flush=True)\n' + SERVER
    platform.restart(instance, [server(instance, program=program)], once={"TOLD": "once"})
    os.kill(running(instance)["pid"], signal.SIGKILL)
    eventually(lambda: described(instance)["restarts"] == 1 and running(instance))
    log = (instance.logs / "server.log").read_text()
    assert [line for line in log.splitlines() if "told" in line] == ["told: once", "told: None"]


def test_what_stands_still_on_purpose_is_left_alone(instance: Instance) -> None:
    """While a backup copies. Red when the supervisor kills what a long copy holds up, or never minds again."""
    made = server(instance)
    impatient = replace(made, live=Probe("http", made.port, timeout=0.1), live_interval=0.05)
    platform.start(instance, [impatient])
    process = psutil.Process(running(instance)["pid"])
    with platform.unwatched(instance, ["server"]):
        process.suspend()
        time.sleep(2)  # five questions and more
        assert described(instance)["pid"] == process.pid
        process.resume()
    assert running(instance)["restarts"] == 0
    process.suspend()
    eventually(lambda: described(instance)["restarts"] >= 1)
