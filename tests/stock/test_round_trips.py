"""How often a batch goes to the database does not depend on how large it is."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.stock.models import Reservation
from apps.stock.operations import expire
from shared.contracts import CommitStock, Message, ProductCreated, ReleaseStock, ReserveStock
from shared.messaging.envelope import Received
from tests.stock.builders import command, deliver, order, put, told

pytestmark = pytest.mark.django_db

Batch = Sequence[Received[Message]]
NAMES = "abcdefgh"
OURS = 2  # what `deliver` itself asks: it looks at the outbox before and after


def queries_of(batch: Batch) -> int:
    """Statements that one batch costs, with BEGIN and COMMIT."""
    with CaptureQueriesContext(connection) as captured:
        deliver(batch)
    return len(captured)


@pytest.fixture(autouse=True)
def plenty() -> None:
    """Enough of everything."""
    put(**dict.fromkeys(NAMES, 10_000))


def reserves(numbers: range) -> Batch:
    """Orders of three products each, one in ten for too much."""

    def lines(number: int) -> dict[str, int]:
        a, b, c = (NAMES[(number + shift) % 8] for shift in range(3))
        return {a: 1, b: 2, c: 1 if number % 10 else 999}

    return [command(ReserveStock, order(number), **lines(number)) for number in numbers]


def mixed(numbers: range) -> Batch:
    """What comes next for those orders, and some that nobody knows."""
    kinds = (CommitStock, ReleaseStock, ReserveStock)
    known = [command(kinds[n % 3], order(n)) for n in numbers]
    return known + [command(ReleaseStock, order(10_000 + n)) for n in numbers]


def test_reserving() -> None:
    small, large = queries_of(reserves(range(3))), queries_of(reserves(range(1000, 1200)))

    assert small == large
    assert large <= 9 + OURS


def test_everything_at_once() -> None:
    deliver(reserves(range(3)))
    deliver(reserves(range(1000, 1200)))

    small, large = queries_of(mixed(range(3))), queries_of(mixed(range(1000, 1200)))

    assert small == large
    assert large <= 10 + OURS


def test_expiring() -> None:
    counts = []
    for numbers in (range(3), range(1000, 1150)):
        deliver([command(ReserveStock, order(n), a=1, b=1) for n in numbers])
        Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with CaptureQueriesContext(connection) as captured:
            assert expire() == len(numbers)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_new_products() -> None:
    one, many = [told(ProductCreated, "n")], [told(ProductCreated, f"m{number}") for number in range(150)]

    assert queries_of(one) == queries_of(many)
