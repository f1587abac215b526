"""Work that a consumer's process does by the clock, between messages."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


@dataclass
class Periodic:
    """Something to do every `seconds`. It must be safe to run on every replica at once.

    `run` does what takes a moment only, since messages wait meanwhile. Where it returns True there is more to do, and
    it comes again in the next turn.
    """

    run: Callable[[], object]
    seconds: float
    _due_at: float = field(default=0.0, init=False, repr=False)

    def is_due(self) -> bool:
        """Whether its time has come."""
        return time.monotonic() >= self._due_at

    def __call__(self) -> None:
        """Do it; the next time counts from now, also when it fails."""
        self._due_at = time.monotonic() + self.seconds
        if self.run() is True:
            self._due_at = 0.0


def run_due(jobs: Sequence[Periodic]) -> bool:
    """Run what is due; returns whether all of it went well.

    A job that fails is logged and tried again at its next time: the others go on.
    """
    good = True
    for job in jobs:
        if not job.is_due():
            continue
        try:
            job()
        except Exception:
            logger.exception("A periodic job failed: %s", job.run)
            good = False
    return good
