"""Whether the databases agree with what clients were told (invariant 2 of docs/promises.md), and with the prices that were shown.

What a client was told happened has happened, once; what it was told failed has not; where it was told nothing,
either is right, but not twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from launcher.evidence import Rows, ask
from launcher.faults.record import Call
from launcher.instance import Instance

Key = tuple[str, str]  # customer and idempotency key

ORDERS = "SELECT customer_id, idempotency_key, id, status FROM order_order WHERE idempotency_key = ANY(%s)"
MOVEMENTS = "SELECT actor, idempotency_key, id, kind FROM stock_movement WHERE idempotency_key = ANY(%s)"
LINES = """
    SELECT line.product_id, line.unit_price, orders.id, orders.idempotency_key
    FROM order_orderline AS line JOIN order_order AS orders ON orders.id = line.order_id
    WHERE orders.idempotency_key = ANY(%s)
"""
UNDONE = {"cancelled", "rejected"}


def broken(instance: Instance, calls: Iterable[Call]) -> Iterator[str]:
    """What clients were told that is not so."""
    by_what: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_what[call.what].append(call)
    keys = sorted({call.key for call in by_what["order"]})  # of all orders, those of these calls
    orders = ask(instance, "order", ORDERS, keys)
    yield from happened_once("order", by_what["order"], orders)
    of_movements = sorted({call.key for call in by_what["adjustment"]})
    yield from happened_once(
        "movement", by_what["adjustment"], ask(instance, "stock", MOVEMENTS, of_movements)
    )
    yield from stays_cancelled(by_what["cancel"], {str(row[2]): row[3] for row in orders})
    yield from prices_were_shown(by_what["price"], ask(instance, "order", LINES, keys))


def happened_once(what: str, calls: Iterable[Call], rows: Rows) -> Iterator[str]:
    """For each key as many effects as its answers allow, and the one that they named."""
    made: dict[Key, list[str]] = defaultdict(list)
    for customer, key, made_id, _ in rows:
        made[customer, key].append(str(made_id))
    tries: dict[Key, list[Call]] = defaultdict(list)
    for call in calls:
        tries[call.customer, call.key].append(call)
    for key, answers in tries.items():
        told = {call.subject for call in answers if call.outcome == "ok"}
        if told and set(made[key]) != told:
            yield f"{what} {told} was promised for key {key[1]}, there is {made[key] or 'none'}"
        if made[key] and all(call.outcome == "failed" for call in answers):
            yield f"{what} {made[key]} exists, though key {key[1]} was refused with {answers[-1].status}"
        if len(made[key]) > 1:
            yield f"{what}s {made[key]} were all made for key {key[1]}"


def stays_cancelled(calls: Iterable[Call], statuses: Mapping[str, str]) -> Iterator[str]:
    """Who was told that an order will be undone does not get it."""
    for call in calls:
        if call.outcome == "ok" and statuses.get(call.subject) not in UNDONE:
            yield f"order {call.subject} is {statuses.get(call.subject)}, though its cancellation was accepted"


def prices_were_shown(calls: Iterable[Call], lines: Rows) -> Iterator[str]:
    """Each line of an order has a price that its product had at some time."""
    shown: dict[str, set[Decimal]] = defaultdict(set)
    for call in calls:
        if call.outcome != "failed":
            shown[call.subject].add(Decimal(call.key))
    for product, price, order, _ in lines:
        if product in shown and price not in shown[product]:
            yield f"order {order} has {product} at {price}, which was never its price"


def counted(calls: Iterable[Call]) -> Counter[tuple[str, str]]:
    """How many calls of each kind came to what."""
    return Counter((call.what, call.outcome) for call in calls)
