"""A deadline that moves with every request and costs almost nothing to move."""

import asyncio
from collections.abc import Callable

NEVER = float("inf")
LONGEST_SLEEP = 60.0  # seconds between two looks where there is no deadline


class Deadline:
    """Calls back when the deadline has passed. One timer serves for life: it looks, and sleeps again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._deadline = NEVER
        self._wakes_at = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Call back in so many seconds, unless it is set anew."""
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._wakes_at:
            self._sleep_until(self._deadline)

    def clear(self) -> None:
        """Have no deadline until `set` is called."""
        self._deadline = NEVER

    def stop(self) -> None:
        """Cancel the timer for good."""
        if self._timer is not None:
            self._timer.cancel()

    def _sleep_until(self, moment: float) -> None:
        self.stop()
        self._wakes_at = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if now < self._deadline:
            self._sleep_until(min(self._deadline, now + LONGEST_SLEEP))
        else:
            self._wakes_at = NEVER
            self._deadline = NEVER
            self._ring()
