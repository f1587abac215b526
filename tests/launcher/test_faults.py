"""The fault kit without a platform: schedules, and what a record says against what databases say."""

import itertools
from decimal import Decimal

from launcher.faults.answers import happened_once, prices_were_shown, stays_cancelled
from launcher.faults.record import Call, Outcome, outcome_of
from launcher.faults.schedule import PROCESSES, STORE_NAMES, schedule


def told(outcome: Outcome, subject: str = "", key: str = "k") -> Call:
    status = {"ok": 201, "failed": 409, "unknown": 0}[outcome]
    return Call("order", "alice", key, outcome, status, 0.1, "2026-01-01T00:00:00+00:00", subject)


def row(order: str, key: str = "k") -> tuple[str, str, str, str]:
    return ("alice", key, order, "confirmed")


def test_what_a_status_means_to_a_client() -> None:
    """Red when a 503, which may have been done, counts as refused."""
    found = [outcome_of(status) for status in (201, 202, 400, 409, 503, 504, 0)]
    assert found == ["ok", "ok", "failed", "failed", "unknown", "unknown", "unknown"]


def test_answers_that_the_databases_bear_out() -> None:
    calls = [
        told("unknown"), told("ok", "1"), told("ok", "1"),
        told("failed", key="none"),
        told("unknown", key="maybe"), told("unknown", key="perhaps"),
    ]  # fmt: skip
    assert not list(happened_once("order", calls, [row("1"), row("2", "perhaps")]))


def test_answers_that_are_not_so() -> None:
    """Each is a promise broken. Red when a check in `happened_once` is taken away."""
    assert list(happened_once("order", [told("ok", "1")], []))
    assert list(happened_once("order", [told("ok", "1"), told("ok", "2")], [row("1"), row("2")]))
    assert list(happened_once("order", [told("failed")], [row("1")]))
    assert list(happened_once("order", [told("unknown")], [row("1"), row("2")]))


def test_an_accepted_cancellation_stands() -> None:
    call = Call("cancel", "alice", "k", "ok", 202, 0.1, "2026-01-01T00:00:00+00:00", "1")
    assert not list(stays_cancelled([call], {"1": "cancelled"}))
    assert list(stays_cancelled([call], {"1": "confirmed"}))


def test_a_price_nobody_was_shown() -> None:
    """A price whose change got no answer may have been shown."""
    outcomes: dict[str, Outcome] = {"1.00": "ok", "2.00": "unknown", "3.00": "failed"}
    prices = [
        Call("price", "mia", price, outcome, 200, 0.1, "2026-01-01T00:00:00+00:00", "p")
        for price, outcome in outcomes.items()
    ]
    lines = [("p", Decimal(price), f"order-{price}", "k") for price in ("1.00", "2.00", "3.00")]
    (found,) = prices_were_shown(prices, lines)
    assert "order-3.00" in found


def test_a_seed_breaks_the_same_things_again() -> None:
    """Red when anything but the seed decides, or when a process or a store is never broken."""
    first, again, other = (list(schedule(seed, 3600)) for seed in (1, 1, 2))
    assert first == again != other
    assert {fault.target for fault in first} == {*PROCESSES, *STORE_NAMES}
    assert all(earlier.at < later.at < 3600 for earlier, later in itertools.pairwise(first))
