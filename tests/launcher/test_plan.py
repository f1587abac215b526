"""Steps run side by side, in the order that they ask for, and the first failure ends the wait."""

import threading
import time

import pytest

from launcher.plan import Step, carry_out


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, step: Step) -> None:
        self.lines.append(f"+{step.name}")

    def ended(self, step: Step, seconds: float) -> None:
        self.lines.append(f"-{step.name}")

    def waits(self, reason: str) -> None:
        self.lines.append(reason)


def test_a_step_waits_for_those_before_it_and_for_no_other() -> None:
    told, together = Told(), threading.Barrier(2, timeout=10)
    steps = [
        Step("bake", lambda: None, after=("flour", "water", "an oven that is no step")),
        Step("flour", together.wait),
        Step("water", together.wait),  # each meets the other: they run at the same time
    ]
    carry_out(steps, told)
    assert told.lines.index("+bake") > max(told.lines.index("-flour"), told.lines.index("-water"))


def test_a_failure_is_raised_at_once_and_ends_what_would_follow() -> None:
    told, began = Told(), time.monotonic()

    def fail() -> None:
        raise ValueError("burnt")

    steps = [
        Step("slow", lambda: time.sleep(20)),
        Step("bake", fail),
        Step("eat", lambda: None, after=("bake",)),
    ]
    with pytest.raises(ValueError, match="burnt"):
        carry_out(steps, told)
    assert time.monotonic() - began < 10
    assert "+eat" not in told.lines


def test_steps_that_wait_for_each_other_are_refused() -> None:
    steps = [Step("hen", lambda: None, after=("egg",)), Step("egg", lambda: None, after=("hen",))]
    with pytest.raises(ValueError, match="wait for each other"):
        carry_out(steps, Told())
