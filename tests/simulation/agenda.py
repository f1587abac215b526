"""Simulated time: what happens next, and when. Nothing sleeps."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Action = Callable[..., None]


class Agenda:
    """A queue of actions by simulated seconds. Two at the same moment run in the order in which they were added."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Action, tuple[Any, ...]]] = []
        self._added = 0

    def after(self, seconds: float, action: Action, *arguments: Any) -> None:
        """Run `action` that many seconds from now."""
        self._added += 1
        heappush(self._queue, (self.now + seconds, self._added, action, arguments))

    def run(self) -> None:
        """Run until nothing is left to do."""
        while self._queue:
            self.now, _, action, arguments = heappop(self._queue)
            action(*arguments)
