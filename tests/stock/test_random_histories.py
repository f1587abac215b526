"""Any history of commands, in any batches, ends where a plain account of them one by one ends."""

from dataclasses import dataclass, field
from random import Random

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.stock.operations import set_on_hand
from apps.stock.queries import violations
from shared.contracts import CommitStock, ReleaseStock, ReserveStock
from shared.contracts.stock import StockCommand
from tests.stock.builders import command, level, order, product, put, replies, state

pytestmark = pytest.mark.django_db

START = 6
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Step:
    """One command; `delivered` is how often it comes, each time under an id of its own."""

    kind: type[StockCommand]
    number: int
    lines: dict[str, int]
    delivered: int


@dataclass
class Account:
    """What ought to happen, written as plainly as can be: one command at a time, nothing clever."""

    on_hand: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, START))
    orders: dict[int, tuple[str, dict[str, int]]] = field(default_factory=dict)

    def available(self, name: str) -> int:
        held = sum(lines.get(name, 0) for state, lines in self.orders.values() if state == "held")
        return self.on_hand[name] - held

    def take(self, step: Step) -> str:
        state, lines = self.orders.get(step.number, (None, step.lines))
        if step.kind is ReserveStock:
            return self._reserve(step.number, state, lines)
        if step.kind is CommitStock:
            return self._commit(step.number, state, lines)
        return self._release(step.number, state, lines)

    def _reserve(self, number: int, state: str | None, lines: dict[str, int]) -> str:
        if state is None:
            enough = all(self.available(name) >= quantity for name, quantity in lines.items())
            state = "held" if enough else "rejected"
            self.orders[number] = (state, lines)
        return "StockReserved" if state in {"held", "committed"} else "StockRejected"

    def _commit(self, number: int, state: str | None, lines: dict[str, int]) -> str:
        if state == "held":
            for name, quantity in lines.items():
                self.on_hand[name] -= quantity
            state = "committed"
            self.orders[number] = (state, lines)
        return "StockCommitted" if state == "committed" else "StockRejected"

    def _release(self, number: int, state: str | None, lines: dict[str, int]) -> str:
        if state == "committed":
            for name, quantity in lines.items():
                self.on_hand[name] += quantity
        if state != "rejected":
            self.orders[number] = ("released", lines)
        return "StockReleased"


lines = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), min_size=1)
kinds = st.sampled_from([ReserveStock, ReserveStock, CommitStock, ReleaseStock])
steps = st.builds(Step, kinds, st.integers(0, 4), lines, st.sampled_from([1, 1, 3]))
batches = st.lists(st.lists(steps, min_size=1, max_size=8), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(history=batches)
def test_batches_end_where_single_commands_end(history: list[list[Step]]) -> None:
    account = Account()
    with transaction.atomic():
        put(a=START, b=START, c=START)
        for batch in history:
            once_each = [step for step in batch for _ in range(step.delivered)]
            expected = [account.take(step) for step in once_each]

            said = replies([command(step.kind, order(step.number), **step.lines) for step in once_each])

            assert [type(reply).__name__ for reply in said] == expected
            assert violations() == []
        assert {name: level(name)[0] for name in NAMES} == account.on_hand
        available = {name: level(name)[0] - level(name)[1] for name in NAMES}
        assert available == {name: account.available(name) for name in NAMES}
        assert {n: state(order(n)) for n in account.orders} == {n: s for n, (s, _) in account.orders.items()}
        connection.check_constraints()
        transaction.set_rollback(True)


@settings(max_examples=50, deadline=None)
@given(history=batches, order_of_replay=st.randoms(use_true_random=False))
def test_a_replay_in_any_order_changes_nothing(history: list[list[Step]], order_of_replay: Random) -> None:
    with transaction.atomic():
        put(a=START, b=START, c=START)
        every = [step for batch in history for step in batch]
        messages = [command(step.kind, order(step.number), **step.lines) for step in every]
        replies(messages)
        set_on_hand(product("a"), 1000, actor="")  # what was rejected would be possible now
        before = [(level(name), state(order(n))) for name in NAMES for n in range(5)]

        replayed = messages * 3
        order_of_replay.shuffle(replayed)
        assert replies(replayed) == []

        assert [(level(name), state(order(n))) for name in NAMES for n in range(5)] == before
        transaction.set_rollback(True)
