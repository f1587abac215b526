"""Writing orders: those that come at the same moment together, by one statement that is one transaction (ADR 0030).

Whoever comes while nobody writes begins at once, with all that waits: nobody waits for company.
"""

import json
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection

from apps.order.models import Order, OrderLine
from shared.contracts import Message
from shared.messaging import outbox

logger = logging.getLogger(__name__)

# An order that meets its key, or its basket's version, is left out with its lines and its message, and its neighbours stand.
# It may have to wait for the transaction that has just taken or is freeing either: for how long is said first.
PLACE = f"""
    WITH lock_wait AS MATERIALIZED (
        SELECT set_config('lock_timeout', coalesce(%s, current_setting('lock_timeout')), true)
    ), given AS (
        SELECT given.* FROM lock_wait, json_to_recordset(%s::json) AS given (
            id uuid, customer_id text, customer_name text, customer_email text, status text, total numeric,
            currency text, shipping_address jsonb, basket_version bigint, idempotency_key text, fingerprint text,
            created_at timestamptz, lines json, message json)
    ), placed AS (
        INSERT INTO order_order (
            id, customer_id, customer_name, customer_email, status, status_reason, total, currency, shipping_address,
            basket_version, idempotency_key, fingerprint, cancellation_reason, created_at, updated_at)
        SELECT
            id, customer_id, customer_name, customer_email, status, '', total, currency, shipping_address,
            basket_version, idempotency_key, fingerprint, '', created_at, created_at
        FROM given
        ON CONFLICT DO NOTHING RETURNING id
    ), bought AS (
        INSERT INTO order_orderline (order_id, position, product_id, name, unit_price, quantity, product_version)
        SELECT id, line.* FROM placed JOIN given USING (id), json_to_recordset(lines) AS line (
            position int, product_id text, name text, unit_price numeric, quantity int, product_version bigint)
    ), published AS (
        {outbox.INTO}
        SELECT message.*, clock_timestamp() FROM placed JOIN given USING (id), json_to_record(message) AS message
            ({outbox.FIELDS})
    )
    SELECT id FROM placed
"""  # noqa: S608 - texts of our own


TOGETHER = "100ms"  # for which orders that wait for nothing themselves stand behind one that does


@dataclass(slots=True)
class _Waiting:
    """An order that is to be written; `is_placed` is None until that is known."""

    order: Order
    row: dict[str, Any]
    is_taken: bool = False
    is_placed: bool | None = None


class OrderWriter:
    """Writes the orders that the threads of a process hand in."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._turn = Lock()

    def place(self, order: Order, message: Message) -> bool:
        """Write `order`, with its lines and the message that it was placed; returns once that is committed.

        False where an order with its key, or with its basket's version, was there before. Raises DatabaseError.
        """
        mine = _Waiting(order, _row(order, message))
        self._waiting.append(mine)
        with self._turn:
            if not mine.is_taken:
                self._write_all()
        if mine.is_placed is None:
            # Some order of those that it was written with cannot be written, or not at once. By itself it has an outcome of
            # its own; where all were written and the answer was lost, it is there already.
            mine.is_placed = bool(_write([mine.row])) or Order.objects.filter(pk=order.pk).exists()
        return mine.is_placed

    def _write_all(self) -> None:
        together: list[_Waiting] = []
        while self._waiting:
            together.append(self._waiting.popleft())
        for each in together:
            each.is_taken = True
        try:
            placed = _write([each.row for each in together], TOGETHER)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("%d orders could not be written together: %s", len(together), error)
            return
        for each in together:
            each.is_placed = each.order.pk in placed


def _write(rows: Sequence[dict[str, Any]], lock_timeout: str | None = None) -> set[UUID]:
    """Write the orders in `rows` in one transaction; returns the ids of those that nothing stood in the way of.

    `lock_timeout`: how long another transaction's lock is waited for, as PostgreSQL writes it; None as long as for any other.
    """
    with connection.cursor() as cursor:
        cursor.execute(PLACE, [lock_timeout, json.dumps(rows)])
        placed = {row[0] for row in cursor.fetchall()}
    if placed:
        outbox.written()
    return placed


def _row(order: Order, message: Message) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "customer_id": order.customer_id,
        "customer_name": order.customer_name,
        "customer_email": order.customer_email,
        "status": order.status,
        "total": str(order.total),
        "currency": order.currency,
        "shipping_address": order.shipping_address,
        "basket_version": order.basket_version,
        "idempotency_key": order.idempotency_key,
        "fingerprint": order.fingerprint,
        "created_at": order.created_at.isoformat(),
        "lines": [_line(line) for line in order.bought],
        "message": outbox.row(message),
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "product_id": line.product_id,
        "name": line.name,
        "unit_price": str(line.unit_price),
        "quantity": line.quantity,
        "product_version": line.product_version,
    }


WRITER = OrderWriter()
