"""How faults are done to a running platform, and undone."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping

from redis import Redis

from launcher import platform
from launcher.addresses import port_of
from launcher.errors import LauncherError
from launcher.faults.points import arm
from launcher.faults.schedule import Fault, Kind
from launcher.instance import Instance
from launcher.up import MODULES

HEAL_SECONDS = 120.0


def pid_of(instance: Instance, name: str) -> int | None:
    """The process's id now; None while it is being started again."""
    pid: int | None = next(each["pid"] for each in platform.processes(instance) if each["name"] == name)
    return pid


def kill(instance: Instance, name: str) -> bool:
    """`kill -9`; whether there was a process to kill."""
    return _signal(pid_of(instance, name), signal.SIGKILL)


@contextlib.contextmanager
def paused(instance: Instance, name: str) -> Iterator[None]:
    """SIGSTOP, and SIGCONT at the end, to whoever it was: the supervisor may have replaced it meanwhile."""
    pid = pid_of(instance, name)
    _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pid, signal.SIGCONT)


@contextlib.contextmanager
def stopped(instance: Instance, store: str) -> Iterator[None]:
    """The store is shut down, and started again at the end."""
    platform.stop(instance, [store])
    try:
        yield
    finally:
        platform.start(instance, [MODULES[store].specification(instance)])


def flush(instance: Instance) -> None:
    """Redis forgets everything."""
    with Redis(port=port_of(instance, "redis"), socket_timeout=5) as redis:
        redis.flushall()


def _signal(pid: int | None, number: signal.Signals) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it ended by itself, or was started again meanwhile
        return False
    return True


def _kill(instance: Instance, fault: Fault) -> None:
    kill(instance, fault.target)


def _pause(instance: Instance, fault: Fault) -> None:
    with paused(instance, fault.target):
        time.sleep(fault.seconds)


def _stop(instance: Instance, fault: Fault) -> None:
    with stopped(instance, fault.target):
        time.sleep(fault.seconds)


def _flush(instance: Instance, fault: Fault) -> None:
    with contextlib.suppress(OSError):  # it is away itself at the moment
        flush(instance)


def _crash(instance: Instance, fault: Fault) -> None:
    arm(instance, {fault.target: fault.point})


INJECT: Mapping[Kind, Callable[[Instance, Fault], None]] = {
    "kill": _kill,
    "pause": _pause,
    "stop": _stop,
    "flush": _flush,
    "crash": _crash,
}


def heal(instance: Instance) -> None:
    """Wait until every process is there and well. Raises LauncherError that names who is not."""
    names = {each["name"] for each in platform.table(instance)}
    until = time.monotonic() + HEAL_SECONDS
    while waiting := [
        each["name"]
        for each in platform.processes(instance)
        if each["name"] in names and each["state"] != "running"
    ]:
        if time.monotonic() > until:
            raise LauncherError(
                f"{', '.join(waiting)} did not come back in {HEAL_SECONDS:.0f} s.",
                f"See `manage_all.py logs {waiting[0]}{instance.option()}`.",
            )
        time.sleep(0.5)
