"""Reads of orders."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from apps.order.models import Order, OrderLine

Condition = tuple[str, list[Any]]  # this module's own text, and the values for it

# A page of orders with their lines, and how many there are on all pages, in one statement; what is shown of an order is
# JSON text already, as `serializers.show` has it, but for its number and its reason. The orders are picked before their
# lines are looked up: PostgreSQL would do that for those that OFFSET leaves out as well.
PAGE = """
    SELECT id, {created}, status_reason,
        concat('"customer_id":', to_json(customer_id), ',"status":"', status, '"'),
        (SELECT string_agg(concat(
            '{{"product_id":"', product_id, '","name":', to_json(name), ',"unit_price":"', unit_price,
            '","quantity":', quantity, ',"line_total":"', unit_price * quantity, '"}}'
        ), ',' ORDER BY position) FROM order_orderline WHERE order_id = picked.id),
        concat('"total":"', total, '","currency":"', currency, '","shipping_address":{{', {address},
            '}},"created_at":"', {created}, '","updated_at":"', {updated}, '"'),
        (SELECT count(*) FROM order_order WHERE {wanted})
    FROM (
        SELECT * FROM order_order WHERE {wanted} AND {place}
        ORDER BY created_at {direction}, id {direction} LIMIT %s OFFSET %s
    ) AS picked
    ORDER BY created_at {direction}, id {direction}
"""
COUNT = "SELECT count(*) FROM order_order WHERE {wanted}"
# As Python writes it: a whole second has no fraction.
MOMENT = """replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')"""
# In one order, since PostgreSQL keeps none: the first answer is given again letter for letter. What is not there is left out.
ADDRESS_FIELDS = ("name", "line1", "line2", "city", "postal_code", "country")
ADDRESS = (
    "concat_ws(',', "
    + ", ".join(f"""'"{name}":' || (shipping_address->'{name}')::text""" for name in ADDRESS_FIELDS)
    + ")"
)
PRODUCTS = """
    SELECT product_id, name, price, currency, is_active, version
    FROM order_productcopy WHERE product_id = ANY(%s)
"""
EVERYWHERE: Condition = ("TRUE", [])


class Row(NamedTuple):
    """An order as `PAGE` brings it: `begin`, `lines` and `end` are members of its JSON, and what of those stands in a list."""

    id: UUID
    created_at: str
    status_reason: str
    begin: str
    lines: str | None
    end: str


# What a command looks at and changes, and what the events say, of an order and of its lines; in the order of the models.
LOCKED_FIELDS = (
    "id", "customer_id", "status", "status_reason", "total", "currency", "basket_version",
    "cancellation_requested_at", "cancellation_reason",
)  # fmt: skip
LOCKED = f"""
    SELECT {", ".join(LOCKED_FIELDS)},
        (SELECT json_agg(json_build_array(
            position, product_id, name, unit_price::text, quantity, product_version
        ) ORDER BY position)::text FROM order_orderline WHERE order_id = locked.id)
    FROM order_order AS locked WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""  # noqa: S608 - names of our own


def locked(ids: Collection[UUID]) -> list[Order]:
    """Those of these orders that there are, with their lines; locked in one order so that two consumers cannot deadlock.

    The other fields of an order are read when they are asked for: the ORM takes twice as long for two statements.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCKED, [list(ids)])
        return [_locked(row[:-1], row[-1]) for row in cursor.fetchall()]


def _locked(values: Sequence[Any], lines: str | None) -> Order:
    order = Order.from_db(connection.alias, LOCKED_FIELDS, values)
    order.bought = [
        OrderLine(
            order=order,
            position=position,
            product_id=product_id,
            name=name,
            unit_price=Decimal(unit_price),
            quantity=quantity,
            product_version=version,
        )
        for position, product_id, name, unit_price, quantity, version in json.loads(lines or "[]")
    ]
    return order


class Product(NamedTuple):
    """What this service knows of a product, as `ProductCopy` has it: the ORM takes three times as long to bring it."""

    product_id: str
    name: str
    price: Decimal
    currency: str
    is_active: bool
    version: int


def products(product_ids: Sequence[str]) -> dict[str, Product]:
    """Those of these products that are known, by their ids."""
    with connection.cursor() as cursor:
        cursor.execute(PRODUCTS, [list(product_ids)])
        return {row[0]: Product(*row) for row in cursor.fetchall()}


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
    """The orders that are `wanted`, newest first; `KeysetPagination` goes through them."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted.condition()
        self._count: int | None = None  # as the last page has brought it

    def count(self) -> int:
        """The number of orders that match."""
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
            address=ADDRESS,
            created=MOMENT.format("created_at"),
            updated=MOMENT.format("updated_at"),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [*values, *values, *place[1], limit, offset])
            found = cursor.fetchall()
        if found:
            self._count = found[0][-1]
        return [Row(*row[:-1]) for row in found]
