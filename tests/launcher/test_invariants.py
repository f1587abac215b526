"""The checker itself, on evidence made by hand: a shop that is well passes, and each thing wrong has its own name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher import evidence, invariants
from launcher.instance import Instance
from launcher.invariants import INVARIANTS, MOST_SHOWN, Evidence, check

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


def well() -> Evidence:
    """An order of each end."""
    return Evidence(
        orders={
            "bought": ("confirmed", "alice"),
            "sent": ("shipped", "alice"),
            "there": ("delivered", "bob"),
            "refused": ("rejected", "bob"),
            "undone": ("cancelled", "bob"),
            "undone early": ("cancelled", "bob"),
            "too late": ("rejected", "bob"),
        },
        sagas={
            **dict.fromkeys(("bought", "sent", "there"), COMPLETED),
            **dict.fromkeys(("refused", "undone", "undone early", "too late"), COMPENSATED),
        },
        reservations={
            **dict.fromkeys(("bought", "sent", "there"), ("committed",)),
            "refused": ("rejected",),
            "undone": ("released",),
            "too late": ("expired",),
        },
        told={
            "bought": BOUGHT,
            "sent": SHIPPED,
            "there": DELIVERED,
            "refused": Counter({"order.rejected": 1}),
            "undone": Counter({"order.confirmed": 1, "order.cancelled": 1}),
            "undone early": Counter({"order.cancelled": 1}),
            "too late": Counter({"order.rejected": 1}),
        },
        unsent={"order": 0},
        parked={"basket": 0},
        lag={"saga": 0},
        dead_letters=[],
        numbering=[],
    )


def having(field: str, key: str, value: object) -> Change:
    """The evidence that is well, but for this row of one table; None: the row is missing."""
    rows = {**getattr(well(), field), key: value}
    return {field: {name: row for name, row in rows.items() if row is not None}}


BROKEN: dict[str, tuple[Change, set[str]]] = {
    "stock does not add up": ({"stock": ["p: 3 = 2"]}, {STOCK}),
    # What is held belongs to no order that has ended, so that one of these two is broken with it.
    "held after the end": (having("reservations", "bought", ("held",)), {RESERVED, AGREE}),
    "held for an order under way": (
        having("orders", "new", ("submitted", "bob"))
        | having("sagas", "new", ("running", False, "reserve"))
        | having("reservations", "new", ("held",)),
        {RESERVED, ENDS},
    ),
    "undecided": (
        having("orders", "new", ("submitted", "bob")) | having("sagas", "new", ("running", False, "reserve")),
        {ENDS},
    ),
    "undecided and stuck": (
        having("orders", "new", ("submitted", "bob")) | having("sagas", "new", ("running", True, "reserve")),
        {ENDS, AGREE},
    ),
    "stuck after the end": (having("sagas", "bought", ("completed", True, "")), {AGREE}),
    "no saga": (having("sagas", "bought", None), {AGREE}),
    "a saga that ended otherwise": (having("sagas", "bought", COMPENSATED), {AGREE}),
    "a saga that goes on": (having("sagas", "there", ("running", False, "commit")), {AGREE}),
    "sold, then cancelled": (having("reservations", "undone", ("committed",)), {AGREE}),
    "sold, though rejected": (having("reservations", "refused", ("committed",)), {AGREE}),
    "shipped, not sold": (having("reservations", "sent", ("released",)), {AGREE}),
    "confirmed without a reservation": (having("reservations", "bought", None), {AGREE}),
    "a saga without an order": (having("sagas", "nobody's", COMPENSATED), {AGREE}),
    "a reservation without an order": (having("reservations", "nobody's", ("committed",)), {AGREE}),
    "other lines": ({"lines": ["order bought is for 2; sold is 1"]}, {AGREE}),
    "waits in an outbox": (having("unsent", "order", 1), {WAITS}),
    "parked": (having("parked", "basket", 1), {WAITS}),
    "not consumed": (having("lag", "saga", 1), {WAITS}),
    "unhandled": ({"unhandled": ["order.submitted.v1 1 was sent, and saga never handled it"]}, {LOST}),
    "a dead letter": ({"dead_letters": ["order.events, given up by saga: Boom"]}, {DEAD}),
    "never told": (having("told", "bought", None), {TOLD}),
    "never told of a cancellation": (having("told", "undone", BOUGHT), {TOLD}),
    "told another end": (having("told", "refused", BOUGHT), {TOLD}),
    "told twice": (having("told", "bought", Counter({"order.confirmed": 2})), {TOLD}),
    "told twice on the way": (having("told", "undone", BOUGHT + BOUGHT + well().told["undone"]), {TOLD}),
    "never told of the parcel": (having("told", "sent", BOUGHT), {TOLD}),
    "never told that it is there": (having("told", "there", SHIPPED), {TOLD}),
    "never told before it was there": (
        having("told", "there", Counter({"order.shipped": 1, "order.delivered": 1})),
        {TOLD},
    ),
    "a gap in the ids": ({"numbering": [("alice", 2, 3, 1)]}, {TOLD}),
    "a promise broken": ({"answers": ["order 1 was promised, there is none"]}, {TRUTH}),
}
Shop = Callable[..., dict[str, list[str]]]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """Runs the check on stores that say what the evidence says; of several, one after the other."""

    def run(*moments: Evidence, wait: float = 0) -> dict[str, list[str]]:
        left = list(moments)
        now = left[0]

        def gather(instance: Instance) -> Evidence:
            nonlocal now
            now = left.pop(0) if len(left) > 1 else left[0]
            return replace(now, stock=[], unhandled=[], lines=[], answers=[])

        monkeypatch.setattr(invariants, "gather", gather)
        monkeypatch.setattr("launcher.invariants.time.sleep", lambda _: None)
        monkeypatch.setattr(evidence, "stock_invariants", lambda _: now.stock)
        monkeypatch.setattr(evidence, "unhandled", lambda _: now.unhandled)
        monkeypatch.setattr(evidence, "other_lines", lambda _: now.lines)
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
        wrong = replace(wrong, orders=well().orders)
    assert any(checked(wrong, well(), wait=60).values())


def test_the_first_violations_are_shown_and_not_thousands(checked: Shop) -> None:
    found = checked(replace(well(), dead_letters=[str(number) for number in range(1000)]))
    assert found[DEAD] == [str(number) for number in range(MOST_SHOWN)]


def test_an_order_has_the_lines_that_are_held_or_sold_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when more, less, half or something else would do."""
    ordered = [("1", "tea", 2), ("1", "cup", 1)]
    cases: list[tuple[list[tuple[str, str, int]], bool]] = [
        (ordered, True),
        ([], True),  # nothing is held for an order that was rejected
        ([("1", "tea", 2)], False),
        ([("1", "tea", 1), ("1", "cup", 1)], False),
        ([*ordered, ("1", "pot", 1)], False),
        ([*ordered, ("2", "tea", 1)], False),
    ]
    for sold, fits in cases:
        rows = {"order": ordered, "stock": sold}
        monkeypatch.setattr(evidence, "ask", lambda _, owner, __, rows=rows: rows[owner])
        assert (evidence.other_lines(Instance()) == []) is fits


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
