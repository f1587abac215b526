"""Steps that wait for one another, run side by side as far as that allows."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """Something to do once every step named in `after` is done; a name in `after` that no step has is ignored."""

    name: str
    action: Callable[[], object]
    after: tuple[str, ...] = ()
    title: str = ""


class Progress(Protocol):
    """Who is told how it goes."""

    def began(self, step: Step) -> None:
        """The step runs from now on."""

    def ended(self, step: Step, seconds: float) -> None:
        """The step is done."""


def carry_out(steps: Sequence[Step], progress: Progress) -> None:
    """Do every step; the first failure is raised as soon as the steps that were running have ended."""
    names = {step.name for step in steps}
    done: set[str] = set()
    waiting = list(steps)
    running: dict[Future[None], Step] = {}
    with ThreadPoolExecutor(max_workers=len(steps) or 1) as pool:
        while waiting or running:
            for step in [each for each in waiting if names & set(each.after) <= done]:
                waiting.remove(step)
                running[pool.submit(_timed, step, progress)] = step
            if not running:
                raise ValueError(f"these steps wait for each other: {[step.name for step in waiting]}")
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                step = running.pop(future)
                try:
                    future.result()
                except BaseException:
                    waiting.clear()
                    raise
                done.add(step.name)


def _timed(step: Step, progress: Progress) -> None:
    progress.began(step)
    began = time.monotonic()
    step.action()
    progress.ended(step, time.monotonic() - began)
