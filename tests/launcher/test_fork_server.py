"""Processes that a fork server forks: they are like those that are started, and share what it has imported."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from launcher import platform
from launcher.imports import MODULES
from launcher.instance import ROOT, Instance
from launcher.supervisor.control import ask
from launcher.supervisor.specification import Probe, Specification
from tests.launcher.programs import described, eventually, guardian_of, running, server

HEAVY = "xml.sax.saxutils"  # nobody else in these processes imports it
TELL = f"""
import json, os, sys
was_there = "{HEAVY}" in sys.modules
print("told:", json.dumps({{
    "argv": sys.argv, "shared": was_there, "environment": os.environ.get("TOLD"), "here": os.getcwd(),
    "pid": os.getpid(), "session": os.getsid(0), "path": sys.path[0], "name": __name__,
    "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:3],
}}), flush=True)
"""
SERVE = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


def fork_server(instance: Instance, *modules: str, **environment: str) -> Specification:
    return Specification(
        name="fork-server",
        service="fork-server",
        port=0,
        command=(sys.executable, "-m", "launcher.supervisor.fork_server", *(modules or (HEAVY,))),
        environment={"PATH": os.environ["PATH"], **environment},
        directory=str(ROOT),
        log=str(instance.logs / "fork-server.log"),
        ready=Probe("tcp", 0),
    )


def forked(instance: Instance, program: str = TELL + SERVE, **more: Any) -> Specification:
    """A server from a file, as Django's `manage.py` is one."""
    made = server(instance)
    (instance.root / "program.py").write_text(program)
    command = (sys.executable, "program.py", "--port", str(made.port))
    described_so = {"directory": str(instance.root), "environment": {"TOLD": "so"}, "command": command}
    return replace(made, fork_server=fork_server(instance), **{**described_so, **more})


def told(instance: Instance) -> list[dict[str, Any]]:
    lines = (instance.logs / "server.log").read_text().splitlines()
    return [json.loads(line.removeprefix("told: ")) for line in lines if line.startswith("told: ")]


def own(instance: Instance) -> list[int]:
    return list(ask(instance.state, {"do": "status"})["own"])


def said(instance: Instance) -> str:
    return (instance.logs / "supervisor.log").read_text()


def test_it_is_like_one_that_was_started(instance: Instance) -> None:
    """Red when a part of `_run` or `settle` is left out."""
    platform.start(instance, [forked(instance)])
    process = running(instance)
    (told_so,) = told(instance)
    assert told_so == {
        "argv": ["program.py", "--port", str(process["port"])],
        "shared": True,
        "environment": "so",
        "here": str(instance.root),
        "pid": process["pid"],
        "session": process["pid"],
        "path": str(instance.root),
        "name": "__main__",
        "descriptors": [0, 1, 2],
    }
    of_it = psutil.Process(process["pid"])
    assert of_it.ppid() == own(instance)[1]
    assert " ".join(of_it.cmdline()).startswith(f"{sys.executable} program.py --port")
    assert of_it.environ()[platform.MARK] == str(instance.state)


def test_a_module_is_run_as_python_runs_it(instance: Instance) -> None:
    (instance.root / "package").mkdir()
    (instance.root / "package" / "__init__.py").touch()
    (instance.root / "package" / "__main__.py").write_text(TELL + SERVE)
    made = forked(instance)
    platform.start(
        instance, [replace(made, command=(sys.executable, "-m", "package", "--port", str(made.port)))]
    )
    running(instance)
    (told_so,) = told(instance)
    assert told_so["argv"] == [
        str(instance.root / "package" / "__main__.py"),
        "--port",
        str(made.port),
    ]
    assert (told_so["shared"], told_so["name"], told_so["path"]) == (True, "__main__", str(instance.root))


def test_what_dies_comes_back_and_what_it_had_started_ends(instance: Instance) -> None:
    platform.start(instance, [forked(instance)])
    first = running(instance)
    (worker,) = psutil.Process(first["pid"]).children()
    os.kill(first["pid"], signal.SIGKILL)
    second = eventually(lambda: described(instance)["restarts"] == 1 and running(instance))
    assert second["pid"] != first["pid"]
    eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert [each["shared"] for each in told(instance)] == [True, True]


def test_its_exit_code_is_its_own(instance: Instance) -> None:
    platform.start(instance, [forked(instance, program="raise SystemExit(7)")])
    eventually(lambda: "ended with 7; starting it again" in said(instance))


def test_it_stops_when_asked(instance: Instance) -> None:
    platform.start(instance, [forked(instance)])
    pid = running(instance)["pid"]
    platform.stop(instance, ["server"])
    assert not psutil.pid_exists(pid)
    assert "did not stop" not in said(instance)


def test_a_killed_fork_server_takes_nobody_with_it_and_the_next_one_forks(instance: Instance) -> None:
    platform.start(instance, [forked(instance)])
    first, of_first = running(instance), own(instance)[-1]
    os.kill(of_first, signal.SIGKILL)
    eventually(lambda: of_first not in own(instance))
    assert psutil.pid_exists(first["pid"])
    os.kill(first["pid"], signal.SIGKILL)
    eventually(lambda: described(instance)["restarts"] == 1 and running(instance))
    assert [each["shared"] for each in told(instance)] == [True, True]
    assert own(instance)[-1] != of_first


@pytest.mark.parametrize("broken", ["import nothing.there", "deaf"])
def test_where_no_fork_server_starts_it_is_started(instance: Instance, broken: str) -> None:
    """Red when `Supervisor._begin` lets the failure through: the process would never start."""
    program = (sys.executable, "-c", "raise SystemExit(1)" if broken != "deaf" else DEAF)
    made = forked(instance)
    platform.start(instance, [replace(made, fork_server=replace(fork_server(instance), command=program))])
    running(instance)
    assert [each["shared"] for each in told(instance)] == [False]
    assert "server is not forked, but started" in said(instance)


# It says that it is ready, and does nothing that it is asked for.
DEAF = """
import os, socket, time
socket.socket(fileno=os.dup(0)).send(b"ready")
time.sleep(600)
"""


def test_a_module_that_cannot_be_imported_is_not_in_the_way(instance: Instance) -> None:
    made = forked(instance)
    platform.start(instance, [replace(made, fork_server=fork_server(instance, "no.such.module", HEAVY))])
    running(instance)
    assert told(instance)[0]["shared"]
    assert "no.such.module" not in said(instance)
    assert "No module named 'no'" in (instance.logs / "fork-server.log").read_text()


def test_another_edition_makes_another_fork_server(instance: Instance) -> None:
    """Red when `Supervisor._fork_server` keeps the first: a new version of a package would never be imported."""
    made = forked(instance)
    platform.start(instance, [made])
    running(instance)
    first = own(instance)[-1]
    platform.restart(instance, [replace(made, fork_server=fork_server(instance, EDITION="2"))])
    running(instance)
    assert own(instance)[-1] != first
    eventually(lambda: not psutil.pid_exists(first))


def test_nothing_is_left_when_the_supervisor_is_killed(instance: Instance) -> None:
    platform.start(instance, [forked(instance)])
    family = [psutil.Process(running(instance)["pid"]), psutil.Process(own(instance)[-1])]
    (supervisor,) = guardian_of(instance).children()
    supervisor.kill()
    eventually(lambda: not any(each.is_running() for each in family))


def test_many_at_once(instance: Instance) -> None:
    made = [replace(forked(instance, program=SERVE), name=f"server-{number}") for number in range(8)]
    ports = [server(instance).port for _ in made]
    platform.start(
        instance,
        [
            replace(
                each,
                port=port,
                command=(*each.command[:-1], str(port)),
                ready=Probe("http", port),
                live=Probe("http", port),
            )
            for each, port in zip(made, ports, strict=True)
        ],
    )
    pids = {running(instance, each.name)["pid"] for each in made}
    assert len(pids) == len(made)
    assert all(psutil.Process(pid).ppid() == own(instance)[1] for pid in pids)
    assert "started" not in said(instance)


def test_every_module_is_imported_without_settings_and_leaves_nothing_behind() -> None:
    """No thread, no descriptor, no event loop: none of them would survive a fork. Red with `daphne.server` in it."""
    program = f"""
import importlib, json, os, sys
before = os.listdir("/proc/self/fd")
failed = []
for name in {MODULES!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed.append(f"{{name}}: {{error!r}}")
print(json.dumps({{
    "failed": failed,
    "threads": len(os.listdir("/proc/self/task")),
    "descriptors": sorted(set(os.listdir("/proc/self/fd")) - set(before)),
    "ours": [name for name in sys.modules if name.split(".")[0] in ("apps", "shared", "gateway")],
    "reactor": "twisted.internet.reactor" in sys.modules,
}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    expected = {"failed": [], "threads": 1, "descriptors": [], "ours": [], "reactor": False}
    assert json.loads(done.stdout) == expected


def test_forked_processes_share_their_memory(instance: Instance) -> None:
    """Red without `gc.freeze()`: a collection writes to every page that it looks at."""
    collect = "import gc, time; gc.collect(); gc.collect()\n"
    made = forked(instance, program=collect + TELL + SERVE)
    platform.start(
        instance,
        [replace(made, fork_server=fork_server(instance, "unittest.mock", "asyncio", "email.message"))],
    )
    pid = running(instance)["pid"]
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    assert kilobytes["Shared_Dirty"] > kilobytes["Private_Dirty"]
