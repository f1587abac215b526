"""Rows of reservations: locked in one order, inserted and updated, one statement for each however many there are.

A new reservation is inserted last; should another process have inserted the same one meanwhile, the primary key
refuses, everything rolls back and the messages are handled anew.
"""

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from apps.stock.models import Reservation
from apps.stock.transitions import ReservationBatch
from shared.postgresql.columns import Columns

# The other fields of a reservation are read when they are asked for.
FIELDS = ("order_id", "state", "reason", "lines", "shortages", "unavailable")
LOCK = """
    SELECT order_id, state, reason, lines::text, shortages::text, unavailable::text
    FROM stock_reservation WHERE order_id = ANY(%s) ORDER BY order_id FOR UPDATE
"""
INSERTED = {
    "order_id": "uuid", "state": "text", "reason": "text", "lines": "jsonb", "shortages": "jsonb", "unavailable": "jsonb",
    "expires_at": "timestamptz", "created_at": "timestamptz", "updated_at": "timestamptz",
}  # fmt: skip
INSERT = f"""
    INSERT INTO stock_reservation ({", ".join(INSERTED)})
    SELECT * FROM json_to_recordset(%s::json) AS new ({", ".join(f"{name} {kind}" for name, kind in INSERTED.items())})
"""  # noqa: S608 - names of our own
CHANGED = Columns(order_id="uuid", state="text", reason="text", updated_at="timestamptz")
UPDATE = f"""
    UPDATE stock_reservation AS reservation
    SET state = change.state, reason = change.reason, updated_at = change.updated_at
    FROM {CHANGED.rows} AS change ({CHANGED.names})
    WHERE reservation.order_id = change.order_id
"""  # noqa: S608 - names of our own


def lock(order_ids: Iterable[UUID]) -> list[Reservation]:
    """The reservations of these orders, those that there are, locked; the ORM takes three times as long to read them."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(order_ids)])
        return [
            Reservation.from_db(
                connection.alias,
                FIELDS,
                [*row[:3], *(None if text is None else json.loads(text) for text in row[3:])],
            )
            for row in cursor.fetchall()
        ]


def save(batch: ReservationBatch) -> None:
    """Write the reservations that a batch has changed or made."""
    written = [batch.written[key] for key in sorted(batch.written)]
    if known := [reservation for reservation in written if reservation.order_id in batch.known]:
        _update(known)
    if new := [reservation for reservation in written if reservation.order_id not in batch.known]:
        _insert(new)


def _insert(reservations: Sequence[Reservation]) -> None:
    rows = [{name: getattr(each, name) for name in INSERTED} for each in reservations]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(rows, default=str)])


def _update(reservations: Sequence[Reservation]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, CHANGED.of(reservations))
