"""A platform of this checkout seen from outside its supervisor: is it up, what runs, start it, stop it."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.supervisor.control import SupervisorAwayError, ask
from launcher.supervisor.lock import is_claimed
from launcher.supervisor.specification import Specification
from launcher.system import ROLE_PORTS, SERVICES, STORES, process_name

MARK = "MICROCOMMERCE_INSTANCE"
SUPERVISOR_SECONDS = 20
STOP_SECONDS = 90
UNWATCHED_SECONDS = 30
HOPELESS_RESTARTS = 4  # so often while it is waited for, a process will not come to life by itself


def table(instance: Instance) -> list[dict[str, Any]]:
    """Every process that belongs to a platform, as `status` shows it when none of them runs."""
    stores = [(store.name, "infrastructure", store.port) for store in STORES]
    services = [
        (process_name(owner, role), owner.name, owner.port + ROLE_PORTS[role])
        for owner in SERVICES
        for role in owner.roles
    ]
    return [
        {
            "name": name,
            "service": owner,
            "pid": None,
            "port": instance.port(port),
            "state": "stopped",
            "restarts": 0,
        }
        for name, owner, port in (*stores, *services)
    ]


def processes(instance: Instance) -> list[dict[str, Any]]:
    """Every process of the table, as its supervisor knows it."""
    try:
        known = {
            each["name"]: each for each in ask(instance.state, {"do": "status"}, timeout=10)["processes"]
        }
    except SupervisorAwayError:
        known = {}
    return [known.get(each["name"], each) for each in table(instance)]


def own_processes(instance: Instance) -> list[int]:
    """The pids of the supervisor itself, of its guardian, and of the fork servers that fork what it keeps."""
    try:
        return list(ask(instance.state, {"do": "status"}, timeout=10).get("own", ()))
    except SupervisorAwayError:
        return []


def is_supervised(instance: Instance) -> bool:
    """Whether a supervisor answers."""
    try:
        ask(instance.state, {"do": "status"}, timeout=10)
    except SupervisorAwayError:
        return False
    return True


def require_everything(instance: Instance) -> None:
    """Raises LauncherError where a process of the platform does not run."""
    if away := [each["name"] for each in processes(instance) if each["state"] != "running"]:
        raise LauncherError(
            f"Not everything is running: {', '.join(away)}.",
            f"Start it first: python manage_all.py up{instance.option()}",
        )


def ensure_supervisor(instance: Instance, *, tied: bool = False) -> None:
    """Start the supervisor, unless it is there already, after clearing away what a killed one left behind.

    A tied supervisor takes its platform down when this process ends.
    """
    if is_supervised(instance):
        return
    _await(lambda: not is_claimed(instance.state), "An earlier supervisor does not end.", instance)
    kill_leftovers(instance)
    with (instance.logs / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "launcher.supervisor", str(instance.state), *(["--tied"] if tied else [])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C at the terminal is not meant for it
        )
    _await(lambda: is_supervised(instance), "The supervisor does not answer.", instance)


def start(instance: Instance, specifications: Iterable[Specification]) -> None:
    """Have these kept running from now on."""
    _checked(instance, {"do": "start", "processes": _marked(instance, specifications)})


def restart(
    instance: Instance,
    specifications: Iterable[Specification],
    *,
    once: Mapping[str, str] | None = None,
) -> None:
    """Stop these and start them again, as they are specified now; with the variables of `once` the first time only."""
    changed = (replace(each, first_environment=once or {}) for each in specifications)
    _checked(instance, {"do": "restart", "processes": _marked(instance, changed)})


def _marked(instance: Instance, specifications: Iterable[Specification]) -> list[dict[str, Any]]:
    """Each with the mark by which `kill_leftovers` would know it."""
    return [_marked_one(each, {MARK: str(instance.state)}).to_json() for each in specifications]


def _marked_one(specification: Specification, mark: Mapping[str, str]) -> Specification:
    fork_server = specification.fork_server and _marked_one(specification.fork_server, mark)
    return replace(specification, environment={**specification.environment, **mark}, fork_server=fork_server)


def stop(instance: Instance, names: Collection[str]) -> None:
    """Stop these, and leave them so."""
    _checked(instance, {"do": "stop", "names": sorted(names)})


@contextlib.contextmanager
def unwatched(instance: Instance, names: Collection[str]) -> Iterator[None]:
    """The supervisor does not mind meanwhile that these do not answer.

    It is asked again and again, for a while each time: should this process be killed, it soon minds again.
    """
    done = threading.Event()

    def ask_again() -> None:
        while not done.wait(UNWATCHED_SECONDS / 3):
            with contextlib.suppress(SupervisorAwayError, LauncherError, OSError):  # slow once: asked again
                ask(instance.state, {"do": "unwatch", "names": sorted(names), "seconds": UNWATCHED_SECONDS})

    _checked(instance, {"do": "unwatch", "names": sorted(names), "seconds": UNWATCHED_SECONDS})
    asking = threading.Thread(target=ask_again, daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()
        with contextlib.suppress(LauncherError):  # it was shut down: nobody watches anybody
            _checked(instance, {"do": "unwatch", "names": sorted(names), "seconds": 0})


def wait_until_running(instance: Instance, names: Collection[str], seconds: float) -> None:
    """Return when each of these answered that it is ready; raises LauncherError that names who is not."""
    until = time.monotonic() + seconds
    before = {each["name"]: each["restarts"] for each in processes(instance)}
    while waiting := [
        each for each in processes(instance) if each["name"] in names and each["state"] != "running"
    ]:
        failing = next(
            (each for each in waiting if each["restarts"] - before[each["name"]] >= HOPELESS_RESTARTS), None
        )
        if failing or time.monotonic() > until:
            raise LauncherError(*_why_not(instance, failing or waiting[0]))
        time.sleep(0.1)


def _why_not(instance: Instance, process: dict[str, Any]) -> tuple[str, str]:
    name = process["name"]
    tail = last_lines(instance.logs / f"{name}.log", 15)
    problem = "ends again and again" if process["restarts"] else "does not become ready"
    return (
        f"{name} {problem}. The end of its log:\n{tail}",
        f"The whole of it: python manage_all.py logs {name}{instance.option()}",
    )


def last_lines(log: Path, count: int) -> str:
    """The end of a log file."""
    if not (count and log.exists()):
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def shut_down(instance: Instance) -> bool:
    """Stop everything, services before stores; whether there was anything to stop. No process is left."""
    try:
        ask(instance.state, {"do": "shutdown"}, timeout=STOP_SECONDS)
        found = True
    except (SupervisorAwayError, FileNotFoundError):
        found = is_claimed(instance.state)
    if found:
        _await(lambda: not is_claimed(instance.state), "The supervisor does not end.", instance)
    return bool(kill_leftovers(instance)) or found


def kill_leftovers(instance: Instance) -> list[int]:
    """End processes of this platform that no supervisor looks after; those that were left, by pid."""
    found = [process for process in psutil.process_iter() if _belongs_to(process, instance)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=10)
    return [process.pid for process in found]


def _belongs_to(process: psutil.Process, instance: Instance) -> bool:
    if process.pid == os.getpid():
        return False
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == str(instance.state)
    return False


def _checked(instance: Instance, request: dict[str, Any]) -> None:
    try:
        answer = ask(instance.state, request)
    except SupervisorAwayError as error:
        raise LauncherError(
            "The platform is not up, or was stopped in the meantime.",
            f"Start it: python manage_all.py up{instance.option()}",
        ) from error
    if "error" in answer:
        raise LauncherError(
            str(answer["error"]),
            f"If the code changed since it was started: manage_all.py down{instance.option()}, then up again.",
        )


def _await(condition: Callable[[], bool], complaint: str, instance: Instance) -> None:
    until = time.monotonic() + SUPERVISOR_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise LauncherError(
                complaint,
                f"See {instance.logs / 'supervisor.log'}:\n{last_lines(instance.logs / 'supervisor.log', 10)}",
            )
        time.sleep(0.05)


def named(instance: Instance, name: str) -> set[str]:
    """The processes that `name` means: one process, all of a service, or `services` for every service."""
    found = {
        each["name"]
        for each in table(instance)
        if name in (each["name"], each["service"])
        or (name == "services" and each["service"] != "infrastructure")
    }
    if not found:
        raise LauncherError(f"There is no process or service {name!r}.", "`manage_all.py status` lists them.")
    return found
