"""The words in which a saga is written down as a table.

Source: Garcia-Molina and Salem, Sagas (1987); Richardson, Microservices Patterns, chapter 4 (compensatable,
pivot and retriable transactions).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.contracts import Message

if TYPE_CHECKING:
    from apps.saga.models import Saga

Kinds = tuple[type[Message], ...]
Command = Callable[["Saga"], Message]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long an answer may take: `timeout` seconds, doubled with each of `retries`, `longest` at most."""

    timeout: float
    retries: int
    longest: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait for the answer to attempt number `attempt` (1 is the first)."""
        return float(min(self.timeout * 2 ** min(attempt - 1, 16), self.longest))


@dataclass(frozen=True, slots=True)
class Ask:
    """A command, and the answers it can get. Without `done` nobody answers: it counts as done when sent."""

    command: Command
    done: Kinds = ()
    refused: Kinds = ()
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(10, 2))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a saga.

    `forward` is None for the step that was done before the saga began. `backward` undoes the step.
    `covers` names earlier steps that `backward` undoes as well. Up to and including the `pivot` a failure
    undoes everything; after it a step is repeated until it succeeds.
    """

    name: str
    forward: Ask | None
    backward: Ask | None = None
    covers: tuple[str, ...] = ()
    pivot: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind of saga: its steps in order, what cancels it, and what answers an answer that comes too late."""

    kind: str
    # Raised with every change of the steps: an earlier release leaves sagas alone that a later one has moved.
    version: int
    steps: tuple[Step, ...]
    cancelled_by: Kinds
    # An event that arrives when everything was undone, and the command that undoes it again.
    too_late: dict[type[Message], Command]

    def step(self, name: str) -> Step:
        """The step of that name; raises KeyError."""
        return self.steps[self.index(name)]

    def index(self, name: str) -> int:
        """Its place in the order of steps; raises KeyError."""
        for index, step in enumerate(self.steps):
            if step.name == name:
                return index
        raise KeyError(name)

    def has(self, name: str) -> bool:
        """Whether there is a step of that name: a saga may have begun under a definition with others."""
        return any(step.name == name for step in self.steps)

    def is_after_pivot(self, name: str) -> bool:
        """Whether the step comes after the point of no return."""
        return any(step.pivot for step in self.steps[: self.index(name)])

    @property
    def events(self) -> Kinds:
        """Every event that this kind of saga listens to, beside the one that starts it."""
        asks = [ask for step in self.steps for ask in (step.forward, step.backward) if ask]
        heard = [kind for ask in asks for kind in (*ask.done, *ask.refused)]
        return tuple(dict.fromkeys([*heard, *self.cancelled_by, *self.too_late]))
