"""Histories of a catalogue with two products, and the ways in which a copy of it may be told of them.

`product.events` has one partition, so a consumer is given pieces of the history one after the other; after a crash,
a rebalance or a `seek` it is given some of them again. Whatever comes, a copy must be as the catalogue was at a moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from shared.contracts import ProductArchived, ProductEvent, ProductUpdated

PRODUCTS = ("a" * 24, "b" * 24)
Known = dict[str, ProductEvent]  # product id -> the product as it is


@dataclass(frozen=True)
class Telling:
    """What happened, in the catalogue's order, and which pieces of it a consumer is given in its turns."""

    history: tuple[ProductEvent, ...]
    turns: tuple[tuple[int, int], ...]

    def told(self) -> Iterator[tuple[Sequence[ProductEvent], Known]]:
        """What each turn brings, and the catalogue as it was at the latest change that was brought by then."""
        reached = 0
        for start, end in self.turns:
            reached = max(reached, end)
            yield self.history[start:end], {event.product_id: event for event in self.history[:reached]}


def _history(changes: Sequence[tuple[int, int, bool]]) -> tuple[ProductEvent, ...]:
    versions = dict.fromkeys(PRODUCTS, 0)
    events: list[ProductEvent] = []
    for which, price, is_active in changes:
        product_id = PRODUCTS[which]
        versions[product_id] += 1
        kind = ProductUpdated if is_active else ProductArchived
        events.append(
            kind(
                product_id=product_id,
                name=f"No. {price}",
                price=Decimal(price),
                currency="EUR",
                is_active=is_active,
                version=versions[product_id],
            )
        )
    return tuple(events)


def _telling(changes: Sequence[tuple[int, int, bool]], pace: Sequence[tuple[int, int]]) -> Telling:
    turns, position = [], 0
    for back, length in pace:
        start = max(0, position - back)
        position = min(len(changes), start + length)
        turns.append((start, position))
    return Telling(_history(changes), tuple(turn for turn in turns if turn[0] < turn[1]))


_changes = st.lists(
    st.tuples(st.sampled_from((0, 1)), st.integers(1, 9), st.booleans()), min_size=1, max_size=12
)
_pace = st.lists(st.tuples(st.sampled_from((0, 0, 0, 2, 5, 12)), st.integers(1, 5)), min_size=1, max_size=12)
tellings = st.builds(_telling, _changes, _pace)
