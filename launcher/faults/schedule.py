"""What is broken when: drawn from a seed, so that a schedule can be run again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from launcher.faults.points import UNDER_LOAD
from launcher.system import SERVICES, STORES, process_name

Kind = Literal["kill", "pause", "stop", "flush", "crash", "refuse", "delay", "lose"]

PROCESSES = tuple(process_name(owner, role) for owner in SERVICES for role in owner.roles)
STORE_NAMES = tuple(each.name for each in STORES if each.name != "mail")  # no order goes by way of it
LONGEST_PAUSE = 20.0  # seconds a process stands still
LONGEST_STOP = 15.0  # seconds a store is away
BETWEEN = (1.0, 8.0)  # seconds from one fault to the next: some overlap
WEIGHTS: dict[Kind, int] = {"kill": 8, "crash": 6, "pause": 5, "stop": 3, "flush": 1}
NETWORK_WEIGHTS: dict[Kind, int] = {"refuse": 2, "delay": 2, "lose": 4}  # where there are detours
STORE_SHARE = 0.3  # of the kills and pauses


@dataclass(frozen=True)
class Fault:
    """Something to break: when (seconds after the start), what, whom, and for how long."""

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0
    point: str = ""  # where it is to crash

    def __str__(self) -> str:
        how_long = f" for {self.seconds:.0f} s" if self.seconds else ""
        where = f" at {self.point}" if self.point else ""
        return f"{self.kind} {self.target}{where}{how_long}"


def schedule(seed: int, seconds: float, detours: Sequence[str] = ()) -> Iterator[Fault]:
    """Faults that all begin before `seconds` have gone, in order; the same for the same seed."""
    choices = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    at = choices.uniform(*BETWEEN)
    while at < seconds:
        yield _fault(at, choices, detours)
        at += choices.uniform(*BETWEEN)


def _fault(at: float, choices: random.Random, detours: Sequence[str]) -> Fault:
    weights = WEIGHTS | (NETWORK_WEIGHTS if detours else {})
    (kind,) = choices.choices(tuple(weights), tuple(weights.values()))
    if kind in NETWORK_WEIGHTS:
        return Fault(at, kind, choices.choice(detours), round(choices.uniform(2, LONGEST_STOP), 1))
    if kind == "flush":
        return Fault(at, kind, "redis")
    if kind == "stop":
        return Fault(at, kind, choices.choice(STORE_NAMES), round(choices.uniform(2, LONGEST_STOP), 1))
    if kind == "crash":
        process = choices.choice(tuple(UNDER_LOAD))
        return Fault(
            at, kind, process, point=f"{choices.choice(UNDER_LOAD[process])}:{choices.randint(1, 5)}"
        )
    among: Sequence[str] = STORE_NAMES if choices.random() < STORE_SHARE else PROCESSES
    seconds = round(choices.uniform(1, LONGEST_PAUSE), 1) if kind == "pause" else 0.0
    return Fault(at, kind, choices.choice(among), seconds)
