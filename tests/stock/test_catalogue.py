"""What stock knows of the catalogue: a product that was archived is not reserved for anybody any more."""

import pytest
from django.db import transaction
from hypothesis import given, settings

from apps.stock.models import Reservation, StockItem
from apps.stock.queries import violations
from shared.contracts import (
    CommitStock,
    ProductArchived,
    ProductCreated,
    ProductUpdated,
    ReleaseStock,
    ReserveStock,
    Shortage,
    StockCommitted,
    StockRejected,
    StockReleased,
    StockReserved,
)
from shared.testing.messages import received
from tests.catalogue import Telling, tellings
from tests.stock.builders import command, deliver, level, order, product, put, quoted, replies, state, told

pytestmark = pytest.mark.django_db

ORDER = order()
RESERVED = StockReserved(order_id=ORDER)
GONE = StockRejected(order_id=ORDER, unavailable=(product("a"),), reason=f"no longer sold: {product('a')}")


@pytest.fixture(autouse=True)
def plenty(db: None) -> None:
    """Enough of two products, both at version 1."""
    deliver([told(ProductCreated, "a"), told(ProductCreated, "b")])
    put(a=5, b=5)


@pytest.mark.parametrize("version", [None, 1, 2])
def test_what_was_archived_since_it_was_quoted_is_refused(version: int | None) -> None:
    """The order service had not heard of it, or (without a version) is of the release before."""
    deliver([told(ProductArchived, "a", 2)])

    assert replies([quoted(ORDER, version)]) == [GONE]
    assert (state(ORDER), level("a")) == ("rejected", (5, 0))
    assert violations() == []


def test_a_quote_that_is_newer_than_what_is_known_here_stands() -> None:
    """It was put back on sale, the order service has heard of it, and this service has not yet."""
    deliver([told(ProductArchived, "a", 2)])

    assert replies([quoted(ORDER, 3)]) == [RESERVED]


def test_a_quote_that_is_older_stands_while_the_product_is_sold() -> None:
    """The price was changed meanwhile: the customer pays the one that was shown."""
    deliver([told(ProductUpdated, "a", 7)])

    assert replies([quoted(ORDER, 1)]) == [RESERVED]


def test_what_was_put_back_on_sale_is_sold() -> None:
    deliver([told(ProductArchived, "a", 2), told(ProductUpdated, "a", 3)])

    assert replies([quoted(ORDER, 1)]) == [RESERVED]


def test_an_older_event_that_comes_late_changes_nothing() -> None:
    deliver([told(ProductArchived, "a", 2)])
    deliver([told(ProductUpdated, "a", 1)])

    assert replies([quoted(ORDER, 2)]) == [GONE]


def test_the_refusal_stands_and_names_only_what_is_gone() -> None:
    """Also when the product is back on sale by the time that the saga asks again."""
    deliver([told(ProductArchived, "a", 2)])

    assert replies([command(ReserveStock, ORDER, a=1, b=1)]) == [GONE]
    deliver([told(ProductUpdated, "a", 3)])
    assert replies([command(ReserveStock, ORDER, a=1, b=1)]) == [GONE]
    assert level("b") == (5, 0)


def test_a_refusal_of_the_release_before_is_said_again_as_it_was() -> None:
    """Its row has no `unavailable`."""
    short = Shortage(product_id=product("a"), requested=9, available=5)
    Reservation.objects.create(
        order_id=ORDER, state="rejected", lines={product("a"): 9}, shortages=[short.model_dump()]
    )

    assert replies([quoted(ORDER, 1)]) == [StockRejected(order_id=ORDER, shortages=(short,))]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (CommitStock, StockCommitted(order_id=ORDER)),
        (ReleaseStock, StockReleased(order_id=ORDER, reason="released")),
    ],
)
def test_what_was_held_before_is_sold_or_given_back(
    kind: type[CommitStock | ReleaseStock], answer: StockCommitted | StockReleased
) -> None:
    """The order was accepted while the product was sold."""
    deliver([quoted(ORDER, 1)])
    deliver([told(ProductArchived, "a", 2)])

    assert replies([command(kind, ORDER)]) == [answer]
    assert violations() == []


@settings(max_examples=100, deadline=None)
@given(telling=tellings)
def test_the_copy_is_a_prefix_of_the_catalogues_history(telling: Telling) -> None:
    """Red without the comparison of versions in `levels.UPSERT_PRODUCTS`, or where a batch is not taken as a whole."""
    with transaction.atomic():
        StockItem.objects.filter(on_hand=0).delete()
        for events, catalogue in telling.told():
            deliver([received(event) for event in events])

            rows = StockItem.objects.filter(pk__in=[event.product_id for event in telling.history])
            assert {row.product_id: (row.product_version, row.is_active, row.name) for row in rows} == {
                key: (event.version, event.is_active, event.name) for key, event in catalogue.items()
            }
        transaction.set_rollback(True)
