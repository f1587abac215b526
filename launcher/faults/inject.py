"""How faults are done to a running platform, and undone."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import psutil
from redis import Redis
from redis.exceptions import RedisError

from launcher import platform
from launcher.addresses import port_of
from launcher.errors import LauncherError
from launcher.families import family, standing_still
from launcher.faults.detours import WORTH_LOSING, sent_through
from launcher.faults.network import Network
from launcher.faults.points import arm
from launcher.faults.schedule import Fault, Kind
from launcher.instance import Instance
from launcher.supervisor.specification import Specification
from launcher.up import MODULES

HEAL_SECONDS = 300.0  # Keycloak takes long where many want the processor
DELAY = 0.2  # seconds, each way and for each piece of a conversation


def pid_of(instance: Instance, name: str) -> int | None:
    """The process's id now; None while it is being started again."""
    pid: int | None = next(each["pid"] for each in platform.processes(instance) if each["name"] == name)
    return pid


def kill(instance: Instance, name: str) -> bool:
    """`kill -9`; whether there was a process to kill."""
    pid = pid_of(instance, name)
    with contextlib.suppress(ProcessLookupError):  # it ended by itself, or was started again meanwhile
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            return True
    return False


@contextlib.contextmanager
def paused(instance: Instance, *names: str) -> Iterator[None]:
    """SIGSTOP for them and what they have started, and SIGCONT at the end for whoever is still there."""
    pids = [pid for name in names if (pid := pid_of(instance, name))]
    with standing_still(pids):
        yield


@contextlib.contextmanager
def stopped(instance: Instance, store: str) -> Iterator[None]:
    """The store is shut down, and started again and well at the end."""
    platform.stop(instance, [store])
    try:
        yield
    finally:
        platform.start(instance, [MODULES[store].specification(instance)])
        heal(instance, {store})


def flush(instance: Instance) -> None:
    """Redis forgets everything."""
    with Redis(port=port_of(instance, "redis"), socket_timeout=5) as redis:
        redis.flushall()


@dataclass(frozen=True)
class Site:
    """Where faults are done: a platform, and the network of detours if its services go by one."""

    instance: Instance
    network: Network | None = None

    def do(self, fault: Fault) -> None:
        """Do it, and return when it is over."""
        kinds: Mapping[Kind, Callable[[Fault], None]] = {
            "kill": self._kill,
            "pause": self._pause,
            "stop": self._stop,
            "flush": self._flush,
            "crash": self._crash,
            "refuse": self._refuse,
            "delay": self._delay,
            "lose": self._lose,
        }
        kinds[fault.kind](fault)

    def _kill(self, fault: Fault) -> None:
        kill(self.instance, fault.target)

    def _pause(self, fault: Fault) -> None:
        with paused(self.instance, fault.target):
            time.sleep(fault.seconds)

    def _stop(self, fault: Fault) -> None:
        with stopped(self.instance, fault.target):
            time.sleep(fault.seconds)

    def _flush(self, _: Fault) -> None:
        with contextlib.suppress(RedisError):  # it is away itself at the moment
            flush(self.instance)

    def _crash(self, fault: Fault) -> None:
        arm(self.instance, {fault.target: fault.point}, way=self._way)

    def _way(self, straight: Specification) -> Specification:
        return sent_through(straight, self.network) if self.network else straight

    def _refuse(self, fault: Fault) -> None:
        self._by_network(fault, lambda network: network.refuse(fault.target))

    def _delay(self, fault: Fault) -> None:
        self._by_network(fault, lambda network: network.delay(fault.target, DELAY))

    def _lose(self, fault: Fault) -> None:
        after = WORTH_LOSING.get(fault.target, b"")
        self._by_network(fault, lambda network: network.lose(fault.target, after))

    def _by_network(self, fault: Fault, spoil: Callable[[Network], None]) -> None:
        if self.network is None:
            raise ValueError(f"{fault}: the services do not go by a detour")
        until = time.monotonic() + fault.seconds
        while time.monotonic() < until:
            spoil(self.network)  # again and again: each answer that is lost is one
            time.sleep(0.3)
        self.network.heal(fault.target)


def undo(instance: Instance) -> None:
    """What stands still goes on, and stores that were stopped are started: for a run that was interrupted."""
    for each in platform.processes(instance):
        for process in family(each["pid"]) if each["pid"] else ():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                process.resume()
    platform.start(instance, [module.specification(instance) for module in MODULES.values()])


def heal(instance: Instance, names: Collection[str] = ()) -> None:
    """Wait until these processes, or all, are there and well. Raises LauncherError that names who is not."""
    names = names or {each["name"] for each in platform.table(instance)}
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
