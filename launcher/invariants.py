"""The invariants of a shop that lost nothing and sold nothing twice (promises: docs/reliability.md).

Usable against any running platform. While orders are under way it waits for them, up to a limit; then it
compares what the services' own databases say with each other, row by row.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher import evidence
from launcher.faults import answers
from launcher.faults.record import read
from launcher.instance import Instance

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
    """What the databases said at one moment."""

    orders: Mapping[str, tuple[Any, ...]]  # order id -> (status, customer id)
    sagas: Mapping[str, tuple[Any, ...]]  # order id -> (status, stuck, step)
    reservations: Mapping[str, tuple[Any, ...]]  # order id -> (state,)
    told: Mapping[str, Counter[str]]  # order id -> event -> how often
    unsent: Mapping[str, int]
    parked: Mapping[str, int]
    lag: Mapping[str, int]
    dead_letters: list[str]
    numbering: list[tuple[Any, ...]]  # customers whose notification ids have a gap
    stock: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # orders that hold or sold something else than was ordered
    answers: list[str] = field(default_factory=list)  # what clients were told that is not so


def gather(instance: Instance) -> Evidence:
    """Read everything once."""
    told: dict[str, Counter[str]] = {}
    for order_id, event, count in evidence.ask(
        instance,
        "notification",
        "SELECT order_id, event, count(*) FROM notification_notification GROUP BY 1, 2",
    ):
        told.setdefault(str(order_id), Counter())[event] = count
    return Evidence(
        orders=evidence.by_order(instance, "order", "SELECT id, status, customer_id FROM order_order"),
        sagas=evidence.by_order(instance, "saga", "SELECT order_id, status, is_stuck, step FROM saga_saga"),
        reservations=evidence.by_order(instance, "stock", "SELECT order_id, state FROM stock_reservation"),
        told=told,
        unsent=evidence.unsent(instance),
        parked=evidence.parked(instance),
        lag=evidence.lag(instance),
        dead_letters=evidence.dead_letters(instance),
        numbering=evidence.ask(instance, "notification", GAPS),
    )


GAPS = """
    SELECT customer_id, count(*), max(id), min(id) FROM notification_notification
    GROUP BY customer_id HAVING count(*) <> max(id) OR min(id) <> 1
"""


def is_quiet(found: Evidence) -> bool:
    """Whether nothing is under way any more."""
    moving = any(status == "submitted" for status, _ in found.orders.values()) or any(
        status in {"running", "compensating"} and not stuck for status, stuck, _ in found.sagas.values()
    )
    return not moving and not any((*found.unsent.values(), *found.parked.values(), *found.lag.values()))


def stock_adds_up(found: Evidence) -> Violations:
    """Initial and adjustments are available, reserved and sold; nothing is negative; the ledger sums."""
    yield from found.stock


def nothing_stays_reserved(found: Evidence) -> Violations:
    """With nothing in flight no reservation is held."""
    for order_id, (state,) in found.reservations.items():
        if state == "held":
            yield f"order {order_id}: its reservation is still held"


def orders_end(found: Evidence) -> Violations:
    """Every order is decided."""
    for order_id, (status, _) in found.orders.items():
        if status == "submitted":
            saga, stuck, step = found.sagas.get(order_id, ("missing", False, ""))
            where = f" at {step}" if step else ""
            yield f"order {order_id} is still submitted; its saga is {'stuck' if stuck else saga}{where}"


# order status -> (saga status, what the reservation may be)
AGREEMENT: Mapping[str, tuple[str, set[str | None]]] = {
    **dict.fromkeys(("confirmed", "shipped", "delivered"), ("completed", {"committed"})),
    **dict.fromkeys(("rejected", "cancelled"), ("compensated", {"released", "rejected", "expired", None})),
}


def all_agree(found: Evidence) -> Violations:
    """For each order the saga, the order and the reservation say the same."""
    for order_id in found.orders.keys() | found.sagas.keys() | found.reservations.keys():
        order, saga = found.orders.get(order_id), found.sagas.get(order_id)
        state = found.reservations.get(order_id, (None,))[0]
        if order is None:
            yield f"order {order_id} does not exist, but its saga is {saga} and its reservation {state}"
        elif saga is None or saga[1]:
            yield f"order {order_id} is {order[0]}; its saga is {'stuck' if saga else 'missing'}"
        elif order[0] in AGREEMENT and (
            saga[0] != AGREEMENT[order[0]][0] or state not in AGREEMENT[order[0]][1]
        ):
            yield f"order {order_id} is {order[0]}, its saga {saga[0]}, its reservation {state}"
    yield from found.lines


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


def told_once(found: Evidence) -> Violations:
    """One notification for each thing that became of an order, and ids without a gap for each customer."""
    for order_id, (status, _) in found.orders.items():
        told = found.told.get(order_id, Counter())
        for event in FINAL_EVENTS.get(status, ()):
            if not told[event]:
                yield f"order {order_id} is {status}; its customer was never told {event}"
    for order_id, events in found.told.items():
        for event, count in events.items():
            if count > 1:
                yield f"order {order_id}: {event} was told {count} times"
    for customer, count, last, first in found.numbering:
        yield f"customer {customer}: {count} notifications, numbered {first} to {last}"


INVARIANTS: Mapping[str, Callable[[Evidence], Violations]] = {
    "stock adds up": stock_adds_up,
    "nothing stays reserved": nothing_stays_reserved,
    "every order ends": orders_end,
    "saga, order and reservation agree": all_agree,
    "nothing waits": nothing_waits,
    "nothing is lost": nothing_is_lost,
    "no dead letters": no_dead_letters,
    "every customer was told once": told_once,
    "clients were told the truth": clients_were_told_the_truth,
}


def check(instance: Instance, wait: float = 90.0, record: Path | None = None) -> dict[str, list[str]]:
    """Each invariant and what violates it. Waits up to `wait` seconds for what is under way.

    `record` is what clients were told (launcher.faults.record); without one nothing is known of that.
    """
    until = time.monotonic() + wait
    found = gather(instance)
    while not is_quiet(found) and time.monotonic() < until:
        time.sleep(1)
        found = gather(instance)
    found.stock = evidence.stock_invariants(instance)
    found.unhandled = evidence.unhandled(instance)
    found.lines = evidence.other_lines(instance)
    if record is not None:
        found.answers = list(answers.broken(instance, read(record)))
    return {name: list(violations(found))[:MOST_SHOWN] for name, violations in INVARIANTS.items()}
