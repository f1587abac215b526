"""The supervisor: keeps children, answers on its socket, cuts their logs, ends them in order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from launcher.supervisor.child import Child
from launcher.supervisor.control import listen
from launcher.supervisor.fork_server import ForkServer, ForkServerError
from launcher.supervisor.logs import keep_small
from launcher.supervisor.spawn import PR_SET_CHILD_SUBREAPER, prctl, spawn
from launcher.supervisor.specification import Specification

LOG_CHECK_SECONDS = 10.0


def serve(directory: Path) -> int:
    """Supervise until told to shut down; the exit status."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    asyncio.run(Supervisor(directory).run())
    return 0


class Supervisor:
    """The children by name, in the order in which they were made known: the order of start."""

    def __init__(self, directory: Path) -> None:
        """`directory` is where the socket lies."""
        self._directory = directory
        self._children: dict[str, Child] = {}
        self._fork_servers: dict[str, ForkServer] = {}
        self._done = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Serve until `shutdown` or a signal, then stop every child."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._done.set)
        async with await listen(self._directory, self._handle):
            logs = asyncio.create_task(self._watch_logs())
            say(f"supervisor {os.getpid()} is ready")
            await self._done.wait()
            logs.cancel()
            await self._stop_all()
        say("everything is stopped")

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"do": "status"}:
                return {
                    "processes": [child.describe() for child in self._children.values()],
                    "own": [os.getppid(), os.getpid(), *(each.pid for each in self._fork_servers.values())],
                }
            case {"do": "start" | "restart"} if self._closing:
                return {"error": "the platform is being stopped"}
            case {"do": "start", "processes": list(processes)}:
                await self._start([Specification.from_json(each) for each in processes])
            case {"do": "stop", "names": list(names)}:
                await self._stop(self._named(names))
            case {"do": "restart", "processes": list(processes)}:
                await self._restart([Specification.from_json(each) for each in processes])
            case {"do": "unwatch", "names": list(names), "seconds": int() | float() as seconds}:
                self._unwatch(self._named(names), seconds)
            case {"do": "shutdown"}:
                self._closing = True
                await self._stop_all()
                self._done.set()
            case _:
                return {"error": f"the supervisor does not know the request {request!r}"}
        return {"ok": True}

    def _named(self, names: Iterable[str]) -> list[Child]:
        return [self._children[name] for name in names if name in self._children]

    async def _start(self, specifications: Iterable[Specification]) -> None:
        """Start each that does not run. One that runs is left alone: `restart` is how it gets to know a change."""
        for specification in specifications:
            child = self._children.setdefault(specification.name, Child(specification, self._begin, say))
            if not child.active:
                child.specification = specification
            child.start()

    async def _begin(self, specification: Specification) -> int:
        """Start a process: forked by its fork server, or, where that is not to be had, as a program of its own."""
        if specification.fork_server:
            try:
                return await self._fork_server(specification.fork_server).fork(specification)
            except (ForkServerError, OSError) as error:
                say(f"{specification.name} is not forked, but started: {error}")
                self._end_fork_server(specification.fork_server.name)
        return spawn(specification)

    def _fork_server(self, wanted: Specification) -> ForkServer:
        """The one that is as wanted; one that is not, because what is installed has changed, ends."""
        known = self._fork_servers.get(wanted.name)
        if known and known.specification == wanted:
            return known
        self._end_fork_server(wanted.name)
        self._fork_servers[wanted.name] = ForkServer(wanted)
        return self._fork_servers[wanted.name]

    def _end_fork_server(self, name: str) -> None:
        if fork_server := self._fork_servers.pop(name, None):
            fork_server.end()

    def _unwatch(self, children: Iterable[Child], seconds: float) -> None:
        for child in children:
            child.unwatch(seconds)

    async def _stop(self, children: Iterable[Child]) -> None:
        await asyncio.gather(*(child.stop() for child in children))

    async def _restart(self, specifications: list[Specification]) -> None:
        await self._stop(self._named(each.name for each in specifications))
        await self._start(specifications)

    async def _stop_all(self) -> None:
        """Services first, together; then the stores that they finish their work with."""
        for wave in ("service", "server", "store"):
            await self._stop(child for child in self._children.values() if wave in child.specification.labels)
        for name in list(self._fork_servers):
            self._end_fork_server(name)

    def _reap(self) -> None:
        by_pid = {child.pid: child for child in self._children.values() if child.pid}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if child := by_pid.pop(ended[0], None):
                    child.reaped(ended[1])
                for name in [name for name, each in self._fork_servers.items() if each.pid == ended[0]]:
                    self._end_fork_server(name)
        self._kill_strays({*by_pid, *(each.pid for each in self._fork_servers.values())})

    def _kill_strays(self, known: set[int]) -> None:
        """What a dead child had started falls to us, whatever group it is in, and ends too.

        Half a server would hold the port against its successor.
        """
        for process in psutil.Process().children():
            if process.pid not in known:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    async def _watch_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for child in self._children.values():
                keep_small(Path(child.specification.log))


def say(message: str) -> None:
    """A line in the supervisor's own log."""
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {message}\n")
    sys.stdout.flush()
