"""Places at which a process can be made to die, by name: so tests prove what is kept when any line is the last.

`MICROCOMMERCE_CRASH_POINT=relay.sent` kills the process, as `kill -9` would, when it comes there for the first
time; `relay.sent:3` at the third. Production's settings refuse it. Off, a point costs one comparison.
"""

import os
import signal
from collections.abc import Mapping
from itertools import count

from django.conf import settings

# Each is passed by the line that its sentence is about: the process dies right there.
POINTS: Mapping[str, str] = {
    "outbox.written": "messages are in the outbox, the transaction around them is not committed",
    "outbox.committed": "the transaction is committed, nobody was told",
    "relay.taken": "the outbox is read, nothing is sent",
    "relay.sent": "Kafka has reported the delivery, nothing is marked sent",
    "relay.marked": "what was delivered is marked sent",
    "consumer.taken": "messages came, nothing is done with them",
    "ledger.written": "ids and effects are written, not committed (in Redis: the scripts have run)",
    "ledger.committed": "ids and effects are committed, the offsets are not",
    "consumer.parked": "messages are in the parking lot, none of them is tried",
    "parked.claimed": "the try of a parked message is counted, not begun",
    "consumer.committed": "the offsets are on their way to Kafka",
    "dead-letter.sent": "Kafka has a dead letter, what it is of is neither dropped nor committed",
    "replay.sent": "a dead letter is on its way back to its service, it is not marked as replayed",
    "saga.before-wake": "events that could not be applied are committed, Celery is not woken",
    "saga.after-wake": "Celery is woken",
    "saga.task-begun": "a task has begun, nothing is locked",
    "saga.written": "sagas and their commands are written, not committed",
    "saga.committed": "sagas have moved, the task is not acknowledged",
    "notification.before-push": "notifications are committed, nobody was told over Redis",
    "notification.after-push": "the announcement is on its way",
}


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


def refusal(text: str) -> str:
    """What is wrong with a setting; empty when nothing is."""
    name, _, nth = text.partition(":")
    if name not in POINTS:
        return f"there is no crash point {name!r}: choose from {', '.join(POINTS)}"
    return "" if not nth or (nth.isdecimal() and int(nth)) else f"{nth!r} is no number from 1 on"
