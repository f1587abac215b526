"""Reads of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

Condition = tuple[str, list[Any]]  # this module's own text, and the values for it

# A page of orders with their lines, and how many there are on all pages, in one statement; money and times as the API
# shows them. The orders are picked before their lines are looked up: PostgreSQL would do that for those that OFFSET
# leaves out as well.
PAGE = """
    SELECT id, customer_id, status, status_reason, total::text, currency, shipping_address::text, {created}, {updated},
        (SELECT json_agg(json_build_array(
            product_id, name, unit_price::text, quantity, (unit_price * quantity)::text
        ) ORDER BY position)::text FROM order_orderline WHERE order_id = picked.id),
        (SELECT count(*) FROM order_order WHERE {wanted})
    FROM (
        SELECT * FROM order_order WHERE {wanted} AND {place}
        ORDER BY created_at {direction}, id {direction} LIMIT %s OFFSET %s
    ) AS picked
    ORDER BY created_at {direction}, id {direction}
"""
COUNT = "SELECT count(*) FROM order_order WHERE {wanted}"
MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
EVERYWHERE: Condition = ("TRUE", [])


class Row(NamedTuple):
    """An order as `PAGE` brings it: money and times are texts, the address and the lines JSON."""

    id: UUID
    customer_id: str
    status: str
    status_reason: str
    total: str
    currency: str
    shipping_address: str
    created_at: str
    updated_at: str
    lines: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of orders is narrowed by; None where it is not."""

    customer_id: str | None = None
    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def condition(self) -> Condition:
        """The same for PostgreSQL."""
        named = {
            "customer_id = %s": self.customer_id,
            "status = %s": self.status,
            "created_at >= %s": self.created_after,
            "created_at <= %s": self.created_before,
        }
        said = {sql: value for sql, value in named.items() if value is not None}
        return " AND ".join(["TRUE", *said]), [*said.values()]


class OrderWalk:
    """The orders that are `wanted`, newest first; `WalkPagination` goes through them."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted.condition()
        self._count: int | None = None  # as the last page has brought it

    def count(self) -> int:
        """How many there are."""
        if self._count is None:
            wanted, values = self._wanted
            with connection.cursor() as cursor:
                cursor.execute(COUNT.format(wanted=wanted), values)
                self._count = int(cursor.fetchone()[0])
        return self._count

    def part(self, begin: int, end: int) -> list[Row]:
        """Those from the place `begin` to before `end`."""
        return self._page(EVERYWHERE, end - begin, begin)

    def beyond(self, place: Sequence[str], limit: int, *, back: bool) -> list[Row]:
        """The first `limit` after `place`, or before it; nearest first. Raises ValueError for what is no place."""
        created_at, order_id = place
        moment = [datetime.fromisoformat(created_at), UUID(order_id)]
        sign = ">" if back else "<"
        return self._page((f"(created_at, id) {sign} (%s, %s)", moment), limit, 0, rising=back)

    @staticmethod
    def place_of(row: Row) -> list[str]:
        """Where an order stands in the walk."""
        return [row.created_at, str(row.id)]

    def _page(self, place: Condition, limit: int, offset: int, *, rising: bool = False) -> list[Row]:
        wanted, values = self._wanted
        statement = PAGE.format(
            wanted=wanted,
            place=place[0],
            direction="ASC" if rising else "DESC",
            created=MOMENT.format("created_at"),
            updated=MOMENT.format("updated_at"),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [*values, *values, *place[1], limit, offset])
            found = cursor.fetchall()
        if found:
            self._count = found[0][-1]
        return [Row(*row[:-1]) for row in found]
