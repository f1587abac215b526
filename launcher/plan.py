"""Steps that wait for one another, run side by side as far as that allows."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """Something to do once every step named in `after` is done; a name in `after` that no step has is ignored."""

    name: str
    action: Callable[[], object]
    after: tuple[str, ...] = ()


class Progress(Protocol):
    """Who is told how it goes."""

    def began(self, step: Step) -> None:
        """The step runs from now on."""

    def ended(self, step: Step, seconds: float) -> None:
        """The step is done."""

    def waits(self, reason: str) -> None:
        """Nothing goes on before something else has ended."""


Ended = tuple[Step, float, BaseException | None]


def carry_out(steps: Sequence[Step], progress: Progress) -> None:
    """Do every step. The first failure is raised at once, without waiting for the steps beside it.

    So is Ctrl-C: the threads are daemons, and what they had begun is for the caller to take down.
    """
    names = {step.name for step in steps}
    waiting, running = list(steps), 0
    done: set[str] = set()
    ended: SimpleQueue[Ended] = SimpleQueue()
    while waiting or running:
        for step in [each for each in waiting if names & set(each.after) <= done]:
            waiting.remove(step)
            running += 1
            progress.began(step)
            threading.Thread(target=_do, args=(step, ended), daemon=True).start()
        if not running:
            raise ValueError(f"these steps wait for each other: {[step.name for step in waiting]}")
        step, seconds, failure = ended.get()
        if failure:
            raise failure
        running -= 1
        done.add(step.name)
        progress.ended(step, seconds)


def _do(step: Step, ended: "SimpleQueue[Ended]") -> None:
    began, failure = time.monotonic(), None
    try:
        step.action()
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
        failure = error
    ended.put((step, time.monotonic() - began, failure))
