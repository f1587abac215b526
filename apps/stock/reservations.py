"""Reserving, selling and giving back for whole batches of orders, in statements that do not grow in number.

The order of locks is the same everywhere: first reservations by order id, then products by product id. A new
reservation is inserted last; should another process have inserted the same one meanwhile, the primary key
refuses, everything rolls back and the messages are handled anew.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.stock import decisions, levels
from apps.stock.decisions import Book, Case
from apps.stock.models import Reservation, State
from apps.stock.shelves import Lines, Quotes
from shared.contracts import Item, ProductEvent, QuotedItem, ReserveStock, StockLevelChanged
from shared.contracts.stock import StockCommand
from shared.messaging import outbox
from shared.messaging.envelope import Received
from shared.messaging.outbox import Outgoing
from shared.postgresql.columns import Columns

SWEEP = 200  # expired reservations in one transaction
ON_THE_SHELF = (State.HELD, State.COMMITTED)  # what a command may still move

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


def obey(commands: Sequence[Received[StockCommand]], told: Sequence[ProductEvent] = ()) -> None:
    """Take over what is `told` of products, then decide each command in turn and answer it.

    Belongs into the transaction of the messages.
    """
    book = _open(commands, told)
    replies: list[Outgoing] = []
    causes: dict[
        str, Received[StockCommand]
    ] = {}  # a changed level is put down to the last order that names it
    for command in commands:
        items = command.message.items
        case = Case(command.message.order_id, lines_of(items), book, quotes_of(items))
        replies.append((decisions.decide(type(command.message), case), command))
        causes.update(dict.fromkeys(book.lines(case.order_id), command))
    changed: list[Outgoing] = [(level, causes[level.product_id]) for level in _save(book)]
    outbox.publish_all([*replies, *changed])


def expire() -> int:
    """Give back everything that nobody came for; returns how many reservations that were."""
    total = expired = _expire_some()
    while expired == SWEEP:
        expired = _expire_some()
        total += expired
    return total


def expire_some() -> bool:
    """As `expire`, but only as many as take a moment; returns whether more may be left."""
    return _expire_some() == SWEEP


def _expire_some() -> int:
    """One transaction. Rows that another replica or a late command has in hand are left to it."""
    with transaction.atomic():
        late = list(
            Reservation.objects.select_for_update(skip_locked=True)
            .filter(state=State.HELD, expires_at__lte=timezone.now())
            .order_by("expires_at")[:SWEEP]
        )
        if not late:
            return 0
        book = _book({reservation.order_id: reservation for reservation in late})
        replies = [decisions.expire(Case(reservation.order_id, {}, book)) for reservation in late]
        outbox.publish(*replies, *_save(book))
    return len(late)


def lines_of(items: Iterable[Item]) -> Lines:
    """Quantities by product; a product that stands there twice counts together."""
    lines: Counter[str] = Counter()
    for item in items:
        lines[item.product_id] += item.quantity
    return lines


def quotes_of(items: Iterable[Item]) -> Quotes:
    """The version that each product was quoted from, where that is said: the older one of a product that stands there twice."""
    quotes: dict[str, int] = {}
    for item in items:
        if isinstance(item, QuotedItem) and item.product_version is not None:
            quotes[item.product_id] = min(
                item.product_version, quotes.get(item.product_id, item.product_version)
            )
    return quotes


def _open(commands: Sequence[Received[StockCommand]], told: Sequence[ProductEvent]) -> Book:
    """Lock what `commands` are about and what is told, reservations first, then every product in one order."""
    ids = {command.message.order_id for command in commands}
    reservations = {reservation.order_id: reservation for reservation in _locked(ids)}
    wanted = [
        lines_of(command.message.items)
        for command in commands
        if isinstance(command.message, ReserveStock) and command.message.order_id not in reservations
    ]
    if told:
        levels.lock({*_products(reservations, wanted), *(event.product_id for event in told)})
        levels.follow_catalogue(told)
    return _book(reservations, wanted)


def _products(reservations: dict[UUID, Reservation], wanted: Iterable[Lines]) -> set[str]:
    held: list[Mapping[str, int]] = [row.lines for row in reservations.values() if row.state in ON_THE_SHELF]
    return {product_id for lines in [*held, *wanted] for product_id in lines}


def _book(reservations: dict[UUID, Reservation], wanted: Iterable[Lines] = ()) -> Book:
    shelves = levels.lock(_products(reservations, wanted))
    return Book(shelves, reservations, timezone.now() + timedelta(seconds=settings.RESERVATION_SECONDS))


def _save(book: Book) -> Sequence[StockLevelChanged]:
    changed = levels.save(book.shelves)
    written = [book.written[key] for key in sorted(book.written)]
    if known := [reservation for reservation in written if reservation.order_id in book.known]:
        _update(known)
    if new := [reservation for reservation in written if reservation.order_id not in book.known]:
        _insert(new)
    return changed


def _insert(reservations: Sequence[Reservation]) -> None:
    rows = [{name: getattr(each, name) for name in INSERTED} for each in reservations]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(rows, default=str)])


def _update(reservations: Sequence[Reservation]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, CHANGED.of(reservations))


def _locked(order_ids: Iterable[UUID]) -> list[Reservation]:
    """The reservations of these orders, as far as there are any; the ORM takes three times as long to bring them."""
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
