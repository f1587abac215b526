"""The platform under test: where its parts are and which processes it has.

It is the one whose port offset `MICROCOMMERCE_PORT_OFFSET` names; without that the one that `manage_all.py up`
has started. Addresses are learned from `manage_all.py status --json`, as any script would; the processes, which tests
look at again and again, from the supervisor that this command asks.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from launcher import platform as launched
from launcher.faults import inject
from launcher.instance import Instance
from tests.system.waiting import HEAL, eventually

ROOT = Path(__file__).resolve().parents[2]
OFFSET = os.environ.get("MICROCOMMERCE_PORT_OFFSET", "0")
INSTANCE = Instance(int(OFFSET))
INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True)
class Process:
    """A process as `status` shows it."""

    name: str
    service: str
    pid: int | None
    port: int
    state: str
    restarts: int


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of `manage_all.py` about the platform under test."""
    command = [sys.executable, str(ROOT / "manage_all.py"), *arguments, "--port-offset", OFFSET]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Platform:
    """What `status` says, and what can be done to processes."""

    @cached_property
    def urls(self) -> dict[str, str]:
        """Addresses by name: gateway, keycloak, kafka, postgres, mongodb, redis."""
        found: dict[str, str] = self._status()["urls"]
        return found

    def processes(self) -> dict[str, Process]:
        """Every process by its name, as it is now."""
        return {each["name"]: Process(**each) for each in launched.processes(INSTANCE)}

    def process(self, name: str) -> Process:
        """One process, as it is now."""
        return self.processes()[name]

    @cached_property
    def ports(self) -> dict[str, int]:
        """The HTTP port of each service, the gateway's included."""
        return {
            each.service: each.port
            for each in self.processes().values()
            if each.name in {"gateway", f"{each.service}-api"}
        }

    def door(self, service: str) -> str:
        """A service's own address, behind the gateway's back."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def kill(self, name: str) -> Process:
        """`kill -9`; returns the process as it was."""
        victim = self.process(name)
        assert victim.pid, f"{name} does not run: {victim}"
        os.kill(victim.pid, signal.SIGKILL)
        return victim

    def wait_until_back(self, victim: Process) -> None:
        """The supervisor has started it again, and it is ready."""
        eventually(
            lambda: self.process(victim.name),
            lambda now: now.state == "running" and now.restarts > victim.restarts and now.pid != victim.pid,
            within=HEAL,
            what=f"{victim.name} running again",
        )

    @contextlib.contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """Processes that stand still (SIGSTOP) for a while and then go on as if nothing had happened."""
        known = self.processes()
        assert all(known[name].pid for name in names), f"not all of {names} run: {known}"
        with inject.paused(INSTANCE, *names):
            yield

    def check(self) -> dict[str, list[str]]:
        """The invariants and what violates each, once nothing is under way any more."""
        done = manage("check", "--json")
        assert done.stdout, done.stderr
        found: dict[str, list[str]] = json.loads(done.stdout)
        return found

    @staticmethod
    def _status() -> dict[str, Any]:
        done = manage("status", "--json")
        assert done.stdout, (
            f"No platform with port offset {OFFSET}: start one with `manage_all.py up`.\n{done.stderr}"
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found
