"""Reservations that came to nothing are forgotten after a month; what was sold, or sold and brought back, never."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from apps.stock import queries
from apps.stock.handlers import PERIODIC
from apps.stock.models import Reservation, State
from apps.stock.operations import expire, expire_some
from apps.stock.queries import KEEP_ENDED, outlived, violations
from shared.contracts import CommitStock, ReleaseStock, ReserveStock
from shared.contracts.topics import RETENTION_DAYS
from shared.messaging import purge
from shared.messaging.periodic import run_due
from tests.stock.builders import command, deliver, order, put, state

pytestmark = pytest.mark.django_db

NOTHING_HELD, HELD, SOLD, GIVEN_BACK, BROUGHT_BACK, NEVER = map(order, range(6))


@pytest.fixture
def lives() -> None:
    """One order for each way that a reservation can go, all of them old."""
    put(a=100)
    for each in (HELD, SOLD, GIVEN_BACK, BROUGHT_BACK):
        deliver([command(ReserveStock, each, a=2)])
    deliver([command(ReserveStock, NOTHING_HELD, a=999)])
    for each in (SOLD, BROUGHT_BACK):
        deliver([command(CommitStock, each, a=2)])
    for each in (GIVEN_BACK, BROUGHT_BACK, NEVER):
        deliver([command(ReleaseStock, each, a=2)])
    Reservation.objects.update(updated_at=timezone.now() - KEEP_ENDED * 1.01)


def test_what_came_to_nothing_goes_and_the_rest_adds_up(lives: None) -> None:
    """Red when `outlived` takes what the ledger is compared with."""
    assert set(outlived().values_list("order_id", flat=True)) == {NOTHING_HELD, GIVEN_BACK, NEVER}
    for job in PERIODIC:
        job.run()
    assert set(Reservation.objects.values_list("order_id", flat=True)) == {HELD, SOLD, BROUGHT_BACK}
    assert violations() == []


def test_it_stays_for_longer_than_a_message_can_be_under_way(lives: None) -> None:
    """A reserve that comes after its release is refused by the row that remembers it."""
    Reservation.objects.update(updated_at=timezone.now() - KEEP_ENDED * 0.99)
    assert not outlived().exists()
    assert timedelta(days=3 * RETENTION_DAYS) < KEEP_ENDED
    deliver([command(ReserveStock, NEVER, a=2)])
    assert state(NEVER) == State.RELEASED


def test_it_goes_in_pieces(lives: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "PIECE", 2)
    run_due(PERIODIC)
    assert outlived().count() == 1
    run_due(PERIODIC)
    assert not outlived().exists()


def test_what_nobody_came_for_is_given_back_in_pieces(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages go on between them. Red when the consumer's job expires everything at once."""
    monkeypatch.setattr("apps.stock.operations.SWEEP", 2)
    settings.RESERVATION_SECONDS = -1
    put(a=100)
    deliver([command(ReserveStock, order(number), a=1) for number in range(5)])
    assert [expire_some(), expire_some(), expire_some()] == [True, True, False]
    assert expire() == 0


def test_they_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "stock_reservation_ended" in queries.outlived().explain()
