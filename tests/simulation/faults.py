"""What goes wrong in a simulated world, drawn from its seed."""

from dataclasses import dataclass
from random import Random
from typing import Self

END = 120.0  # simulated seconds after which nothing goes wrong any more


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is, and which services are away for how long."""

    lost: float  # a message is given up by its consumer (a manager may replay it much later)
    repeated: float  # a relay is killed between sending and marking, or a client resends
    late: float  # a message takes up to a minute: whatever was sent after it overtakes it
    crash: float  # a process is killed just before, or just after, a commit
    held: float  # somebody else has the saga locked: its event is written down
    unwoken: float  # Redis loses a wake-up of Celery
    away_until: dict[str, float]  # service -> when it comes back

    @classmethod
    def draw(cls, random: Random, services: tuple[str, ...]) -> Self:
        """Some worlds are calm, most are rough in one or two ways, some in every way."""
        rough = random.choice((0.0, 0.5, 1.0))

        def likely(most: float) -> float:
            return random.random() * most if random.random() < rough else 0.0

        away = {}
        if random.random() < 0.1 * rough:
            away[random.choice(services)] = random.choice((30.0, 4000.0))
        return cls(likely(0.25), likely(0.5), likely(0.5), likely(0.3), likely(0.5), likely(0.5), away)
