"""One supervised process: started, watched, started again when it dies, stopped with everything it started."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

from launcher.supervisor.probes import answers
from launcher.supervisor.specification import Specification

State = Literal["stopped", "starting", "running", "restarting", "stopping"]

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 15.0
STABLE_SECONDS = 30.0
READY_INTERVAL_SECONDS = 0.25
LIVE_FAILURES = 5


class Child:
    """A process and its place in life. `reaped` must be called when the kernel reports its end."""

    def __init__(
        self,
        specification: Specification,
        begin: Callable[[Specification], Awaitable[int]],
        say: Callable[[str], None],
    ) -> None:
        """`begin` starts a process and gives its pid or raises OSError; `say` writes into the supervisor's log."""
        self.specification = specification
        self._begin = begin
        self.state: State = "stopped"
        self.pid: int | None = None
        self.restarts = 0
        self.last_exit: int | None = None
        self._say = say
        self._wanted = False
        self._failures = 0
        self._unwatched_until = 0.0
        self._ended = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        """Whether it runs or is about to."""
        return self._life is not None and not self._life.done()

    def start(self) -> None:
        """Begin to keep it running; nothing happens when that is so already."""
        if not self.active:
            self._wanted, self._failures = True, 0
            self._stop_asked.clear()
            self._life = asyncio.create_task(self._live())
            self._life.add_done_callback(self._report)

    async def stop(self) -> None:
        """Ask it to end, insist after its time is up, and return when nothing of it is left."""
        self._wanted = False
        self._stop_asked.set()
        if self._life is not None:
            await self._life

    def unwatch(self, seconds: float) -> None:
        """For so long from now on, do not mind that it does not answer: it stands still on purpose."""
        self._unwatched_until = time.monotonic() + seconds

    def reaped(self, status: int) -> None:
        """The kernel says that the process ended, with this wait status."""
        self.last_exit = os.waitstatus_to_exitcode(status)
        self._ended.set()

    def describe(self) -> dict[str, Any]:
        """What `status` shows."""
        of = self.specification
        return {
            "name": of.name,
            "service": of.service,
            "pid": self.pid,
            "port": of.port,
            "state": self.state,
            "restarts": self.restarts,
        }

    async def _live(self) -> None:
        while self._wanted:
            began = time.monotonic()
            await self._one_run()
            if self._wanted:
                self._failures = 0 if time.monotonic() - began > STABLE_SECONDS else self._failures + 1
                self.restarts += 1
                await self._pause()
        self.state = "stopped"

    async def _one_run(self) -> None:
        self._ended.clear()
        self.state = "starting"
        try:
            self.pid = await self._begin(self.specification.for_first_start())
        except OSError as error:
            self._say(f"{self.specification.name} cannot be started: {error}")
            return
        self.specification = replace(self.specification, first_environment={})
        watch = asyncio.create_task(self._watch())
        watch.add_done_callback(self._report)
        await _first_of(self._ended.wait(), self._stop_asked.wait())
        watch.cancel()
        if not self._ended.is_set():
            await self._end()
        elif self._wanted:
            self._say(
                f"{self.specification.name} (pid {self.pid}) ended with {self.last_exit}; starting it again"
            )
        self.pid = None

    async def _end(self) -> None:
        self.state = "stopping"
        self._signal(self.specification.stop_signal)
        try:
            async with asyncio.timeout(self.specification.stop_seconds):
                await self._ended.wait()
        except TimeoutError:
            self._say(f"{self.specification.name} (pid {self.pid}) did not stop when asked; killed")
            self._kill_group()
            await self._ended.wait()

    async def _pause(self) -> None:
        self.state = "restarting"
        seconds = min(FIRST_BACKOFF_SECONDS * 2**self._failures, LONGEST_BACKOFF_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop_asked.wait()

    async def _watch(self) -> None:
        await self._until_ready()
        failures = 0
        while self.specification.live:
            await asyncio.sleep(self.specification.live_interval)
            well = await answers(self.specification.live)
            failures = 0 if well or time.monotonic() < self._unwatched_until else failures + 1
            if failures >= LIVE_FAILURES:
                self._give_up(f"was not live {failures} times in a row")

    async def _until_ready(self) -> None:
        began = time.monotonic()
        while not await answers(self.specification.ready):
            await asyncio.sleep(READY_INTERVAL_SECONDS)
            if time.monotonic() - began > self.specification.start_seconds and not await self._is_live():
                self._give_up(f"did not come to life in {self.specification.start_seconds:.0f} s")
        self.state = "running"

    async def _is_live(self) -> bool:
        # Not ready is no reason to restart: what it waits for may be away. Not live is.
        return await answers(self.specification.live or self.specification.ready)

    def _give_up(self, reason: str) -> None:
        self._say(f"{self.specification.name} (pid {self.pid}) {reason}; killed, to be started again")
        self._kill_group()

    def _signal(self, number: int) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _kill_group(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._say(f"{self.specification.name}: the supervisor itself failed: {error!r}")


async def _first_of(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
