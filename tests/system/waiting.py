"""Waiting for what a platform of many processes does in its own time: always by looking, never by sleeping it out."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Seconds. An order is decided within 30 on a healthy platform and within 90 after a fault was healed
# (docs/promises.md); a machine that does other work besides gets as much again for the first.
TERM = 30.0
WAIT_SECONDS = 60.0
HEAL = 90.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


def eventually(
    look: Callable[[], T],
    accept: Callable[[T], object] = bool,
    *,
    within: float = WAIT_SECONDS,
    what: str = "",
) -> T:
    """What `look` sees once `accept` is content with it; fails with what was seen last when that takes too long."""
    until, pause = time.monotonic() + within, FIRST_PAUSE
    while True:
        seen = look()
        if accept(seen):
            return seen
        if time.monotonic() > until:
            raise AssertionError(
                f"{what or 'What was waited for'} did not come about in {within:.0f} s; last seen: {seen!r}"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
