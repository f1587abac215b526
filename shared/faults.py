"""Places at which a process can be made to die, by name: so tests prove what is kept when any line is the last.

`MICROCOMMERCE_CRASH_POINT=relay.sent` kills the process, as `kill -9` would, when it comes there for the first
time; `relay.sent:3` at the third. Production's settings refuse it. Off, a point costs one comparison. The names are those
of `shared.declaration.points`, and what a service declares of its own.
"""

import os
import signal
from collections.abc import Collection
from itertools import count

from django.conf import settings

from shared.declaration import POINTS


class CrashPoint:
    """One of the points, and how often it must be passed; text that names none never matches."""

    def __init__(self, text: str) -> None:
        self.name, _, nth = text.partition(":")
        self._nth = int(nth or 1)
        self._passed = count(1)

    def pass_by(self, name: str) -> None:
        """Die here if this is the point, and it was passed often enough."""
        if name == self.name and next(self._passed) == self._nth:
            # Its whole group: a server's workers, and the parent that would start them again with the same setting.
            os.killpg(os.getpgrp(), signal.SIGKILL)


_armed: CrashPoint | None = None


def crash_point(name: str) -> None:
    """Die here, if the setting says so."""
    global _armed  # noqa: PLW0603 - once for each process, when it first comes to any point
    if _armed is None:
        _armed = CrashPoint(settings.ENVIRONMENT.crash_point)
    _armed.pass_by(name)


def refusal(text: str, own: Collection[str] = ()) -> str:
    """What is wrong with a setting for a service with crash points of its `own`; empty when nothing is."""
    name, _, nth = text.partition(":")
    if name not in POINTS and name not in own:
        return f"there is no crash point {name!r}: choose from {', '.join((*POINTS, *own))}"
    return "" if not nth or (nth.isdecimal() and int(nth)) else f"{nth!r} is no number from 1 on"
