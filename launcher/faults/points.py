"""Which process comes by which crash point (shared/faults.py says what each means)."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from launcher import platform
from launcher.instance import Instance
from launcher.supervisor.specification import Specification
from launcher.up import specification_of

VARIABLE = "MICROCOMMERCE_CRASH_POINT"

OUTBOX = ("outbox.written", "outbox.committed")
RELAY = ("relay.taken", "relay.sent", "relay.marked")
# The first messages after a start are tried one by one from the parking lot, all others in batches.
CONSUMER = (
    "consumer.taken", "consumer.parked", "parked.claimed",
    "ledger.written", "ledger.committed", "consumer.committed", "dead-letter.sent",
)  # fmt: skip
WORKER = ("saga.task-begun", "saga.written", "saga.committed")
# Passed for sagas that somebody else has locked, or that failed.
WAKE_UP = ("saga.before-wake", "saga.after-wake")
PUSH = ("notification.before-push", "notification.after-push")

PASSED_BY: Mapping[str, tuple[str, ...]] = {
    "product-api": OUTBOX,
    "order-api": (
        "outbox.committed",
    ),  # an order and its message are one statement: there is nothing between them
    "stock-api": OUTBOX,
    "product-relay": RELAY,
    "order-consumer": CONSUMER + OUTBOX + RELAY,
    "stock-consumer": CONSUMER + OUTBOX + RELAY,
    "saga-consumer": (*CONSUMER, "saga.written", "outbox.committed", *WAKE_UP, *RELAY),
    "notification-consumer": CONSUMER + PUSH,
    "basket-consumer": CONSUMER,
    "saga-api": ("replay.sent",),
    "saga-worker": WORKER + OUTBOX,
}
# What the load of `chaos` comes by: it sends no poison, replays nothing and locks no saga, and whoever is armed stays so.
UNDER_LOAD: Mapping[str, tuple[str, ...]] = {
    process: kept
    for process, points in PASSED_BY.items()
    if (
        kept := tuple(point for point in points if point not in {"dead-letter.sent", "replay.sent", *WAKE_UP})
    )
}


def arm(
    instance: Instance,
    points: Mapping[str, str],
    *,
    way: Callable[[Specification], Specification] = lambda straight: straight,
) -> None:
    """Start these processes anew, each to die at its point; started again, they do not die there again.

    `way` is how they go to their stores, where that is not the straight one.
    """

    def start(name: str) -> None:
        specifications = [way(each) for each in specification_of(instance, [name])]
        platform.restart(instance, specifications, once={VARIABLE: points[name]})

    with ThreadPoolExecutor(len(points)) as pool:
        list(pool.map(start, points))
