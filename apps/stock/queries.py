"""Reading: levels, movements, and whether everything adds up."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from apps.stock.errors import UnknownProduct
from apps.stock.models import ENDED, Movement, Reason, Reservation, StockItem
from apps.stock.service import SERVICE

KEEP_ENDED = SERVICE.keeps["reservations that came to nothing"]

# Each finds rows that must not exist, in one statement and so in one moment: right also under load.
INVARIANTS: Mapping[str, str] = {
    "the ledger sums to on_hand": """
        SELECT item.product_id, item.on_hand, coalesce(ledger.total, 0) AS ledger
        FROM stock_stockitem AS item
        LEFT JOIN (SELECT product_id, sum(delta) AS total FROM stock_movement GROUP BY product_id) AS ledger
            USING (product_id)
        WHERE item.on_hand <> coalesce(ledger.total, 0)
    """,
    "each movement goes on from the one before": """
        SELECT product_id, id, delta, on_hand, before FROM (
            SELECT product_id, id, delta, on_hand,
                lag(on_hand, 1, 0) OVER (PARTITION BY product_id ORDER BY id) AS before
            FROM stock_movement
        ) AS ledger
        WHERE on_hand <> before + delta
    """,
    "reserved is what reservations hold": """
        WITH held AS (
            SELECT line.key AS product_id, sum(line.value::int) AS total
            FROM stock_reservation, jsonb_each_text(lines) AS line WHERE state = 'held' GROUP BY line.key
        )
        SELECT coalesce(item.product_id, held.product_id) AS product_id, item.reserved, held.total AS held
        FROM stock_stockitem AS item FULL JOIN held USING (product_id)
        WHERE coalesce(item.reserved, 0) <> coalesce(held.total, 0)
    """,
    "nothing is negative": """
        SELECT product_id, on_hand, reserved FROM stock_stockitem
        WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand
    """,
    "what is sold was committed, once": """
        WITH moved AS (
            SELECT order_id, product_id,
                -sum(delta) FILTER (WHERE kind = 'sale') AS sold,
                sum(delta) FILTER (WHERE kind = 'restock') AS restocked
            FROM stock_movement WHERE order_id IS NOT NULL GROUP BY order_id, product_id
        ), due AS (
            SELECT order_id, line.key AS product_id, line.value::int AS sold,
                CASE WHEN reason = 'restocked' THEN line.value::int END AS restocked
            FROM stock_reservation, jsonb_each_text(lines) AS line
            WHERE state = 'committed' OR reason = 'restocked'
        )
        SELECT order_id, product_id, due.sold, moved.sold AS moved,
            due.restocked, moved.restocked AS moved_back
        FROM moved FULL JOIN due USING (order_id, product_id)
        WHERE moved.sold IS DISTINCT FROM due.sold OR moved.restocked IS DISTINCT FROM due.restocked
    """,
}
MOST_SHOWN = 20  # rows of one violation

# The first columns are those of `Level`. A page and how many there are on all come in one statement, which takes half
# the time of two.
LEVELS = """
    SELECT product_id, on_hand - reserved, on_hand, reserved, version, (SELECT count(*) FROM stock_stockitem)
    FROM stock_stockitem ORDER BY product_id LIMIT %s OFFSET %s
"""
LEVELS_OF = """
    SELECT product_id, on_hand - reserved, on_hand, reserved, version
    FROM stock_stockitem WHERE product_id = ANY(%s) ORDER BY product_id
"""
NEVER_MOVED = """
    SELECT product_id FROM stock_stockitem AS item
    WHERE (%(among)s::text[] IS NULL OR product_id = ANY(%(among)s))
        AND NOT EXISTS (SELECT 1 FROM stock_movement AS movement WHERE movement.product_id = item.product_id)
    ORDER BY product_id LIMIT %(limit)s
"""


def outlived() -> "QuerySet[Reservation]":
    """Reservations that came to nothing so long ago that no message about their order is under way any more.

    What was sold stays, and what was restocked: the ledger is compared with it (`INVARIANTS`).
    """
    ended = Reservation.objects.filter(state__in=ENDED, updated_at__lt=timezone.now() - KEEP_ENDED)
    return ended.exclude(reason=Reason.RESTOCKED)


class Level(NamedTuple):
    """What the API shows of a level: as `StockItem` has it, without the time that it takes to make one."""

    product_id: str
    available: int
    on_hand: int
    reserved: int
    version: int


def levels(begin: int, end: int) -> tuple[list[Level], int]:
    """The levels from `begin` to before `end` in product order, and how many there are in all."""
    with connection.cursor() as cursor:
        cursor.execute(LEVELS, [end - begin, begin])
        rows = cursor.fetchall()
    count = rows[0][-1] if rows else StockItem.objects.count()
    return [Level(*row[:-1]) for row in rows], count


def levels_of(product_ids: Iterable[str]) -> list[Level]:
    """The levels of those of these products that there are, in product order."""
    with connection.cursor() as cursor:
        cursor.execute(LEVELS_OF, [list(product_ids)])
        return [Level(*row) for row in cursor.fetchall()]


def level_of(product_id: str) -> Level:
    """The level of one product; raises UnknownProduct."""
    found = levels_of([product_id])
    if not found:
        raise UnknownProduct
    return found[0]


def stock_item(product_id: str) -> StockItem:
    """The level of one product; raises UnknownProduct."""
    item = StockItem.objects.filter(pk=product_id).first()
    if item is None:
        raise UnknownProduct
    return item


def movements_of(product_id: str) -> "QuerySet[Movement]":
    """The ledger of one product, newest first; raises UnknownProduct."""
    return Movement.objects.filter(product_id=stock_item(product_id).pk)


def never_moved(limit: int, among: Iterable[str] | None = None) -> list[str]:
    """The first `limit` products without any movement."""
    with connection.cursor() as cursor:
        cursor.execute(NEVER_MOVED, {"limit": limit, "among": None if among is None else list(among)})
        return [row[0] for row in cursor.fetchall()]


def violations() -> list[dict[str, object]]:
    """What does not add up: the invariant that is broken, how often, and the first rows that break it."""
    return [
        {"invariant": name, "count": len(rows), "rows": rows[:MOST_SHOWN]}
        for name in INVARIANTS
        if (rows := _broken(name))
    ]


def _broken(name: str) -> list[dict[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(INVARIANTS[name])
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, map(str, row), strict=True)) for row in cursor.fetchall()]
