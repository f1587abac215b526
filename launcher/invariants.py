"""The invariants of a shop that lost nothing and sold nothing twice (promises: docs/promises.md).

Each service judges what is its own alone (`evidence` of its service.py); here is what they must agree on. Usable
against any running platform. While orders are under way it waits for them, up to a limit; then it compares what the
services' own databases say with each other, row by row.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from launcher import evidence
from launcher.evidence import Life
from launcher.faults import answers
from launcher.faults.record import read
from launcher.instance import Instance
from launcher.system import SERVICES

# order status -> what its customer must have been told by then
FINAL_EVENTS: Mapping[str, tuple[str, ...]] = {
    "confirmed": ("order.confirmed",),
    "shipped": ("order.confirmed", "order.shipped"),
    "delivered": ("order.confirmed", "order.shipped", "order.delivered"),
    "rejected": ("order.rejected",),
    "cancelled": ("order.cancelled",),
}
MOST_SHOWN = 20  # violations of one invariant
Violations = Iterator[str]


@dataclass
class Evidence:
    """What the stores said at one moment."""

    under_way: int  # orders and sagas that go on by themselves
    unsent: Mapping[str, int]
    parked: Mapping[str, int]
    lag: Mapping[str, int]
    dead_letters: list[str]
    own: list[tuple[str, str]]  # what the services find wrong with themselves: the invariant, and a sentence
    lives: Iterable[Life] = ()  # read once, one after the other: a shop may have millions
    unhandled: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)  # what clients were told that is not so


def gather(instance: Instance) -> Evidence:
    """Whether anything is under way, and what is wrong beside single orders."""
    return Evidence(
        under_way=evidence.under_way(instance),
        unsent=evidence.unsent(instance),
        parked=evidence.parked(instance),
        lag=evidence.lag(instance),
        dead_letters=evidence.dead_letters(instance),
        own=[found for owner in SERVICES for found in evidence.violations_of(instance, owner)],
    )


def is_quiet(found: Evidence) -> bool:
    """Whether nothing is under way any more."""
    return not found.under_way and not any(
        (*found.unsent.values(), *found.parked.values(), *found.lag.values())
    )


def nothing_stays_reserved(life: Life) -> Violations:
    """With nothing in flight no reservation is held."""
    if life.reservation and life.reservation[0] == "held":
        yield f"order {life.id}: its reservation is still held"


def orders_end(life: Life) -> Violations:
    """Every order is decided."""
    if life.order and life.order[0] == "submitted":
        saga, stuck, step = life.saga or ("missing", False, "")
        where = f" at {step}" if step else ""
        yield f"order {life.id} is still submitted; its saga is {'stuck' if stuck else saga}{where}"


# order status -> (saga status, what the reservation may be)
AGREEMENT: Mapping[str, tuple[str, set[str | None]]] = {
    **dict.fromkeys(("confirmed", "shipped", "delivered"), ("completed", {"committed"})),
    **dict.fromkeys(("rejected", "cancelled"), ("compensated", {"released", "rejected", "expired", None})),
}


def all_agree(life: Life) -> Violations:
    """The saga, the order and the reservation say the same, and so do the lines."""
    order, saga, state = life.order, life.saga, life.reservation[0] if life.reservation else None
    if order is None:
        if saga or state:  # a notification alone is told_once's
            yield f"order {life.id} does not exist, but its saga is {saga} and its reservation {state}"
    elif saga is None or saga[1]:
        yield f"order {life.id} is {order[0]}; its saga is {'stuck' if saga else 'missing'}"
    elif order[0] in AGREEMENT and (saga[0] != AGREEMENT[order[0]][0] or state not in AGREEMENT[order[0]][1]):
        yield f"order {life.id} is {order[0]}, its saga {saga[0]}, its reservation {state}"
    if life.reservation and state in HELD_OR_SOLD and life.reservation[1] != life.lines:
        yield f"order {life.id} is for {life.lines or None}; held or sold for it is {life.reservation[1]}"


HELD_OR_SOLD = {"held", "committed"}  # more, less or half of it would be something else than was ordered


def told_once(life: Life) -> Violations:
    """One notification for each thing that became of an order."""
    for event in FINAL_EVENTS.get(life.order[0], ()) if life.order else ():
        if not life.told.get(event):
            yield f"order {life.id} is {life.order and life.order[0]}; its customer was never told {event}"
    for event, count in life.told.items():
        if count > 1:
            yield f"order {life.id}: {event} was told {count} times"


def nothing_is_lost(found: Evidence) -> Violations:
    """Whatever was sent was handled by everybody whom it concerns; the inboxes hold each id once."""
    yield from found.unhandled


def clients_were_told_the_truth(found: Evidence) -> Violations:
    """What a client got a 2xx for exists, once; what it was refused does not."""
    yield from found.answers


def nothing_waits(found: Evidence) -> Violations:
    """Outboxes are empty, nothing is parked, every consumer has caught up."""
    for what, counts in (("unsent", found.unsent), ("parked", found.parked), ("not consumed", found.lag)):
        for name, count in counts.items():
            if count:
                yield f"{name}: {count} messages {what}"


def no_dead_letters(found: Evidence) -> Violations:
    """Nobody gave a message up that no manager has replayed or discarded: see /api/dead-letters/?status=waiting."""
    yield from found.dead_letters


OF_AN_ORDER: Mapping[str, Callable[[Life], Violations]] = {
    "nothing stays reserved": nothing_stays_reserved,
    "every order ends": orders_end,
    "saga, order and reservation agree": all_agree,
    "every customer was told once": told_once,
}
OF_THE_SHOP: Mapping[str, Callable[[Evidence], Violations]] = {
    "nothing waits": nothing_waits,
    "nothing is lost": nothing_is_lost,
    "no dead letters": no_dead_letters,
    "clients were told the truth": clients_were_told_the_truth,
}
# What each service judges by itself, of what is its own alone.
OF_A_SERVICE = [
    name for owner in SERVICES for name in (owner.evidence.checks_itself, *owner.evidence.invariants) if name
]
INVARIANTS = (*dict.fromkeys((*OF_A_SERVICE, *OF_THE_SHOP, *OF_AN_ORDER)),)


def check(instance: Instance, wait: float = 90.0, record: Path | None = None) -> dict[str, list[str]]:
    """Each invariant and what violates it. Waits up to `wait` seconds for what is under way.

    `record` is what clients were told (launcher.faults.record); without one nothing is known of that.
    """
    until = time.monotonic() + wait
    found = gather(instance)
    while not is_quiet(found) and time.monotonic() < until:
        time.sleep(1)
        found = gather(instance)
    found.own += [each for owner in SERVICES for each in evidence.checked_itself(instance, owner)]
    found.unhandled = evidence.unhandled(instance)
    found.lives = evidence.lives(instance)
    if record is not None:
        found.answers = list(answers.broken(instance, read(record)))
    return violations(found)


def violations(found: Evidence) -> dict[str, list[str]]:
    """What violates each invariant; of many only the first."""
    broken: dict[str, list[str]] = {name: [] for name in INVARIANTS}
    for life in found.lives:
        for name, of_an_order in OF_AN_ORDER.items():
            if len(broken[name]) < MOST_SHOWN:
                broken[name] += of_an_order(life)
    for name, sentence in found.own:
        if len(broken[name]) < MOST_SHOWN:
            broken[name].append(sentence)
    for name, of_the_shop in OF_THE_SHOP.items():
        broken[name] += islice(of_the_shop(found), MOST_SHOWN)
    return {name: each[:MOST_SHOWN] for name, each in broken.items()}
