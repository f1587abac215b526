"""The checker itself, on evidence made by hand: a shop that is well passes, and each thing wrong has its own name."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from launcher import evidence, invariants
from launcher.errors import LauncherError
from launcher.evidence import Life
from launcher.instance import Instance
from launcher.invariants import INVARIANTS, MOST_SHOWN, Evidence, check
from launcher.system import service
from shared.declaration import Evidence as Declared

Change = dict[str, Any]
STOCK, RESERVED, ENDS, AGREE = (
    "stock adds up",
    "nothing stays reserved",
    "every order ends",
    "saga, order and reservation agree",
)
WAITS, LOST, DEAD, TOLD, TRUTH = (
    "nothing waits",
    "nothing is lost",
    "no dead letters",
    "every customer was told once",
    "clients were told the truth",
)
BOUGHT, SHIPPED, DELIVERED = (
    Counter({f"order.{event}": 1 for event in events})
    for events in (("confirmed",), ("confirmed", "shipped"), ("confirmed", "shipped", "delivered"))
)
COMPLETED, COMPENSATED = ("completed", False, ""), ("compensated", False, "")


LINES = {"tea": 2, "cup": 1}
Table = dict[str, tuple[Any, ...]]


@dataclass
class Tables:
    """What the databases say, in memory: rows by an order's id."""

    order: Table
    saga: Table
    reservation: Table
    told: Table
    lines: Table
    unsent: dict[str, int] = field(default_factory=lambda: {"order": 0})
    parked: dict[str, int] = field(default_factory=lambda: {"basket": 0})
    lag: dict[str, int] = field(default_factory=lambda: {"saga": 0})
    dead_letters: list[str] = field(default_factory=list)
    own: list[tuple[str, str]] = field(default_factory=list)  # by a statement
    own_command: list[tuple[str, str]] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def evidence(self) -> Evidence:
        moving = [row for row in self.order.values() if row[0] == "submitted"]
        moving += [row for row in self.saga.values() if row[0] in {"running", "compensating"} and not row[1]]
        return Evidence(len(moving), self.unsent, self.parked, self.lag, self.dead_letters, list(self.own))

    def lives(self) -> Iterator[Life]:
        tables = {name: getattr(self, name) for name in evidence.TABLES}
        return evidence.merged(
            {name: [(key, *row) for key, row in sorted(table.items())] for name, table in tables.items()}
        )


def well() -> Tables:
    """An order of each end."""
    bought, undone = ("bought", "sent", "there"), ("refused", "undone", "undone early", "too late")
    return Tables(
        order={
            "bought": ("confirmed", "alice"),
            "sent": ("shipped", "alice"),
            "there": ("delivered", "bob"),
            "refused": ("rejected", "bob"),
            "undone": ("cancelled", "bob"),
            "undone early": ("cancelled", "bob"),
            "too late": ("rejected", "bob"),
        },
        saga={**dict.fromkeys(bought, COMPLETED), **dict.fromkeys(undone, COMPENSATED)},
        reservation={
            **dict.fromkeys(bought, ("committed", LINES)),
            "refused": ("rejected", {}),
            "undone": ("released", LINES),
            "too late": ("expired", LINES),
        },
        told={
            "bought": (BOUGHT,),
            "sent": (SHIPPED,),
            "there": (DELIVERED,),
            "refused": (Counter({"order.rejected": 1}),),
            "undone": (Counter({"order.confirmed": 1, "order.cancelled": 1}),),
            "undone early": (Counter({"order.cancelled": 1}),),
            "too late": (Counter({"order.rejected": 1}),),
        },
        lines=dict.fromkeys((*bought, *undone), (LINES,)),
    )


def having(table: str, key: str, *row: object) -> Change:
    """The tables that are well, but for this row of one; no values: the row is missing."""
    rows = {**getattr(well(), table), key: row}
    return {table: {name: each for name, each in rows.items() if each}}


NEW = having("lines", "new", LINES) | having("order", "new", "submitted", "bob")
BROKEN: dict[str, tuple[Change, set[str]]] = {
    "stock does not add up": ({"own_command": [(STOCK, "p: 3 = 2")]}, {STOCK}),
    # What is held belongs to no order that has ended, so that one of these two is broken with it.
    "held after the end": (having("reservation", "bought", "held", LINES), {RESERVED, AGREE}),
    "held for an order under way": (
        NEW
        | having("saga", "new", "running", False, "reserve")
        | having("reservation", "new", "held", LINES),
        {RESERVED, ENDS},
    ),
    "undecided": (
        NEW | having("saga", "new", "running", False, "reserve"),
        {ENDS},
    ),
    "undecided and stuck": (
        NEW | having("saga", "new", "running", True, "reserve"),
        {ENDS, AGREE},
    ),
    "stuck after the end": (having("saga", "bought", "completed", True, ""), {AGREE}),
    "no saga": (having("saga", "bought"), {AGREE}),
    "a saga that ended otherwise": (having("saga", "bought", *COMPENSATED), {AGREE}),
    "a saga that goes on": (having("saga", "there", "running", False, "commit"), {AGREE}),
    "sold, then cancelled": (having("reservation", "undone", "committed", LINES), {AGREE}),
    "sold, though rejected": (having("reservation", "refused", "committed", LINES), {AGREE}),
    "shipped, not sold": (having("reservation", "sent", "released", LINES), {AGREE}),
    "confirmed without a reservation": (having("reservation", "bought"), {AGREE}),
    "a saga without an order": (having("saga", "nobody's", *COMPENSATED), {AGREE}),
    "a reservation without an order": (having("reservation", "nobody's", "committed", LINES), {AGREE}),
    "less was sold": (having("reservation", "bought", "committed", {"tea": 1, "cup": 1}), {AGREE}),
    "half was sold": (having("reservation", "bought", "committed", {"tea": 2}), {AGREE}),
    "more was sold": (having("reservation", "bought", "committed", {**LINES, "pot": 1}), {AGREE}),
    "sold without lines": (having("lines", "bought"), {AGREE}),
    "waits in an outbox": (having("unsent", "order", 1), {WAITS}),
    "parked": (having("parked", "basket", 1), {WAITS}),
    "not consumed": (having("lag", "saga", 1), {WAITS}),
    "unhandled": ({"unhandled": ["order.submitted.v1 1 was sent, and saga never handled it"]}, {LOST}),
    "a dead letter": ({"dead_letters": ["order.events, given up by saga: Boom"]}, {DEAD}),
    "never told": (having("told", "bought"), {TOLD}),
    "never told of a cancellation": (having("told", "undone", BOUGHT), {TOLD}),
    "told another end": (having("told", "refused", BOUGHT), {TOLD}),
    "told twice": (having("told", "bought", Counter({"order.confirmed": 2})), {TOLD}),
    "told twice on the way": (having("told", "undone", BOUGHT + BOUGHT + well().told["undone"][0]), {TOLD}),
    "never told of the parcel": (having("told", "sent", BOUGHT), {TOLD}),
    "never told that it is there": (having("told", "there", SHIPPED), {TOLD}),
    "never told before it was there": (
        having("told", "there", Counter({"order.shipped": 1, "order.delivered": 1})),
        {TOLD},
    ),
    "a gap in the ids": ({"own": [(TOLD, "customer alice: 2 notifications, numbered 1 to 3")]}, {TOLD}),
    "a promise broken": ({"answers": ["order 1 was promised, there is none"]}, {TRUTH}),
}
Shop = Callable[..., dict[str, list[str]]]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """Runs the check on stores that say what the evidence says; of several, one after the other."""

    def run(*moments: Tables, wait: float = 0) -> dict[str, list[str]]:
        left = list(moments)
        now = left[0]

        def gather(instance: Instance) -> Evidence:
            nonlocal now
            now = left.pop(0) if len(left) > 1 else left[0]
            return now.evidence()

        monkeypatch.setattr(invariants, "gather", gather)
        monkeypatch.setattr("launcher.invariants.time.sleep", lambda _: None)
        monkeypatch.setattr(
            evidence, "checked_itself", lambda _, owner: now.own_command if owner.name == "stock" else []
        )
        monkeypatch.setattr(evidence, "unhandled", lambda _: now.unhandled)
        monkeypatch.setattr(evidence, "lives", lambda _: now.lives())
        monkeypatch.setattr("launcher.faults.answers.broken", lambda *_: iter(now.answers))
        (tmp_path / "record").touch()
        return check(Instance(), wait, tmp_path / "record")

    return run


def test_a_shop_that_is_well_breaks_nothing(checked: Shop) -> None:
    assert checked(well()) == {name: [] for name in INVARIANTS}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_breaks_its_invariant_and_no_other(what: str, checked: Shop) -> None:
    change, broken = BROKEN[what]
    found = checked(replace(well(), **change))
    assert {name for name, violations in found.items() if violations} == broken


def test_every_invariant_is_seen_broken() -> None:
    assert {name for _, names in BROKEN.values() for name in names} == set(INVARIANTS)


@pytest.mark.parametrize(
    "what", ["undecided", "a saga that goes on", "waits in an outbox", "parked", "not consumed"]
)
def test_the_check_waits_for_what_is_under_way(what: str, checked: Shop) -> None:
    """Red when a shop that only needs a moment more is called broken."""
    moving = replace(well(), **BROKEN[what][0])
    assert not any(checked(moving, moving, well(), wait=60).values())


@pytest.mark.parametrize("what", ["undecided and stuck", "a dead letter", "never told"])
def test_the_check_does_not_wait_for_what_no_time_heals(what: str, checked: Shop) -> None:
    wrong = replace(well(), **BROKEN[what][0])
    if what == "undecided and stuck":  # its order moves until a manager helps
        wrong = replace(wrong, order=well().order)
    assert any(checked(wrong, well(), wait=60).values())


def test_the_first_violations_are_shown_and_not_thousands(checked: Shop) -> None:
    many = {str(number): ("rejected", "bob") for number in range(1000)}
    found = checked(
        replace(well(), dead_letters=[str(number) for number in range(1000)], order=many, saga={})
    )
    assert found[DEAD] == [str(number) for number in range(MOST_SHOWN)]
    assert len(found[AGREE]) == MOST_SHOWN


def test_what_a_service_says_of_orders_is_compared_by_somebody() -> None:
    """Red when a misspelt part of an order's life is read and never looked at."""
    misspelt = replace(service("stock"), evidence=Declared(of_orders={"resrvation": "SELECT 1"}))
    with pytest.raises(LauncherError, match="resrvation"):
        evidence.tables([misspelt])


def test_what_the_services_say_of_an_order_is_put_together() -> None:
    """Red when one table's row is taken for another order's, or an order that one table lacks is left out."""
    found = list(
        evidence.merged(
            {"order": [(1, "confirmed", "a"), (3, "rejected", "b")], "told": [(2, {"x": 1}), (3, {})]}
        )
    )
    assert found == [
        Life("1", order=("confirmed", "a")),
        Life("2", told={"x": 1}),
        Life("3", order=("rejected", "b"), told={}),
    ]


def test_orders_are_read_one_after_the_other() -> None:
    """Red when all of them are in memory at once: a shop that has sold for a year could not be checked."""
    alive: set[int] = set()
    most = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal most
        for number in range(1000):
            lines = Counter({"tea": 1})
            alive.add(number)
            weakref.finalize(lines, alive.discard, number)
            most = max(most, len(alive))
            yield f"{number:04}", lines

    found = Evidence(0, {}, {}, {}, [], [], lives=evidence.merged({"lines": rows()}))
    invariants.violations(found)
    assert most < 10


def test_a_message_is_lost_that_a_listener_does_not_know_and_did_not_give_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Red when one of two listeners is forgotten, or what waits for a manager counts as lost."""
    sent = [("1", "order.confirmed.v1"), ("2", "order.submitted.v1"), ("3", "order.submitted.v1")]
    monkeypatch.setattr(evidence, "_sent_lately", lambda _: iter(sent))
    known = {"saga": {"1"}, "notification": set[str]()}
    dead = [([["ce_type", ""], ["ce_id", "Mw=="]],)]  # 3

    def ask(instance: Instance, owner: str, query: str, *values: list[str]) -> list[tuple[Any, ...]]:
        return [(id_,) for id_ in values[0] if id_ not in known[owner]] if values else dead

    monkeypatch.setattr(evidence, "ask", ask)
    assert sorted(evidence.unhandled(Instance())) == [
        "order.confirmed.v1 1 was sent, and notification never handled it",
        "order.submitted.v1 2 was sent, and saga never handled it",
    ]
