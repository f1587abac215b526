"""Levels of stock: locked by a transaction, changed in memory, written with the movements that say why.

Every transaction locks all the products that it may touch with one statement and in one order, so that no
two can wait for each other; it writes them with another. Both cost one round trip however many there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.stock.models import Kind, Movement
from shared.contracts import ProductEvent, Shortage, StockLevelChanged
from shared.postgresql.columns import Columns

Lines = Mapping[str, int]  # product id -> quantity
Quotes = Mapping[str, int]  # product id -> the version that an order was priced by, where it says so

LOCK = """
    SELECT product_id, on_hand, reserved, is_active, product_version
    FROM stock_stockitem WHERE product_id = ANY(%s) ORDER BY product_id FOR NO KEY UPDATE
"""

CHANGES = Columns(product_id="text", on_hand_change="int", reserved_change="int")
# Changes, not values: were a lock ever forgotten, the check constraints would still be right to refuse.
UPDATE = f"""
    UPDATE stock_stockitem AS item
    SET on_hand = item.on_hand + on_hand_change, reserved = item.reserved + reserved_change,
        version = item.version + 1, updated_at = now()
    FROM {CHANGES.rows} AS change ({CHANGES.names})
    WHERE item.product_id = change.product_id
    RETURNING item.product_id, item.on_hand, item.reserved, item.version
"""  # noqa: S608 - names of our own

# The ledger's order is that of its ids.
MOVEMENTS = Columns(
    product_id="text", kind="text", delta="int", on_hand="int", reason="text", order_id="uuid", actor="text",
    idempotency_key="text", created_at="timestamptz",
)  # fmt: skip
INSERT_MOVEMENTS = f"""
    INSERT INTO stock_movement ({MOVEMENTS.names})
    SELECT {MOVEMENTS.names} FROM ROWS FROM ({MOVEMENTS.rows}) WITH ORDINALITY AS moved ({MOVEMENTS.names}, nth)
    ORDER BY nth RETURNING id
"""  # noqa: S608 - names of our own

# Whatever is told of a product, it exists; an older version that comes late changes nothing. The version that is known
# is taken once more where the name is another one: the release before did not keep it.
PRODUCTS = Columns(product_id="text", name="text", is_active="bool", version="bigint")
UPSERT_PRODUCTS = f"""
    INSERT INTO stock_stockitem AS item
        (product_id, on_hand, reserved, version, name, is_active, product_version, created_at, updated_at)
    SELECT product_id, 0, 0, 0, name, is_active, told.version, now(), now()
    FROM {PRODUCTS.rows} AS told ({PRODUCTS.names})
    ON CONFLICT (product_id) DO UPDATE
    SET (name, is_active, product_version) = (EXCLUDED.name, EXCLUDED.is_active, EXCLUDED.product_version)
    WHERE item.product_version < EXCLUDED.product_version
        OR (item.product_version = EXCLUDED.product_version AND item.name <> EXCLUDED.name)
"""  # noqa: S608 - names of our own


@dataclass(slots=True)
class StockLevel:
    """The level of one product in a transaction: on hand, reserved, and how both differ from what was locked.

    `is_active` is what the catalogue said with the product's version `product_version`: whether it is sold.
    """

    product_id: str
    on_hand: int
    reserved: int
    is_active: bool = True
    product_version: int = 0
    on_hand_change: int = 0
    reserved_change: int = 0
    is_touched: bool = False

    @property
    def available(self) -> int:
        """Pieces that no order has reserved."""
        return self.on_hand - self.reserved

    def change(self, *, on_hand: int = 0, reserved: int = 0) -> None:
        """Add to both, for `save` to write."""
        self.on_hand += on_hand
        self.reserved += reserved
        self.on_hand_change += on_hand
        self.reserved_change += reserved
        self.is_touched = True


class LockedLevels:
    """The locked levels of one transaction by product, and the movements that it makes."""

    def __init__(self, levels: Iterable[StockLevel]) -> None:
        self._levels = {level.product_id: level for level in levels}
        self.movements: list[Movement] = []

    def __getitem__(self, product_id: str) -> StockLevel:
        return self._levels[product_id]

    def __contains__(self, product_id: str) -> bool:
        return product_id in self._levels

    def touched(self) -> list[StockLevel]:
        """The levels that changed and have to be written, in product order."""
        return [self._levels[key] for key in sorted(self._levels) if self._levels[key].is_touched]

    def shortages(self, lines: Lines) -> tuple[Shortage, ...]:
        """The lines with a larger quantity than is available; of an unknown product nothing is."""
        return tuple(
            Shortage(product_id=product_id, requested=quantity, available=available)
            for product_id, quantity in sorted(lines.items())
            if (available := self._levels[product_id].available if product_id in self._levels else 0)
            < quantity
        )

    def archived(self, lines: Lines, quotes: Quotes) -> tuple[str, ...]:
        """What of `lines` is not sold any more, for an order that was priced by the versions in `quotes`.

        A quote that is newer than what this service has heard of the product stands: the order service quotes
        only what is sold, so the product was put back on sale after the archiving that is known here.
        """
        return tuple(
            product_id
            for product_id in sorted(lines)
            if (level := self._levels.get(product_id)) is not None
            and not level.is_active
            and quotes.get(product_id, 0) <= level.product_version
        )

    def hold(self, lines: Lines) -> None:
        """Reserve `lines` for an order; `shortages` must have found none."""
        for product_id, quantity in lines.items():
            self._levels[product_id].change(reserved=quantity)

    def release(self, lines: Lines) -> None:
        """Make reserved `lines` available again."""
        for product_id, quantity in lines.items():
            self._levels[product_id].change(reserved=-quantity)

    def sell(self, lines: Lines, order_id: UUID) -> None:
        """Sell reserved `lines` to an order: neither reserved nor on hand any more, a movement for each."""
        self.release(lines)
        for product_id, quantity in lines.items():
            self.move(Movement(product_id=product_id, kind=Kind.SALE, delta=-quantity, order_id=order_id))

    def restock(self, lines: Lines, order_id: UUID) -> None:
        """Put sold `lines` of a cancelled order back on hand, a movement for each."""
        for product_id, quantity in lines.items():
            self.move(Movement(product_id=product_id, kind=Kind.RESTOCK, delta=quantity, order_id=order_id))

    def move(self, movement: Movement) -> Movement:
        """Change what is on hand by a movement, which gets the new quantity; returns it."""
        level = self._levels[movement.product_id]
        level.change(on_hand=movement.delta)
        movement.on_hand = level.on_hand
        self.movements.append(movement)
        return movement


def apply_product_events(events: Iterable[ProductEvent]) -> None:
    """Take over from `events` what each product is called and whether it is sold; an empty item for one that is new."""
    newest: dict[str, ProductEvent] = {}
    for event in events:
        if event.product_id not in newest or newest[event.product_id].version < event.version:
            newest[event.product_id] = event
    told = [newest[key] for key in sorted(newest)]  # locked in this order, as everywhere
    with connection.cursor() as cursor:
        cursor.execute(UPSERT_PRODUCTS, PRODUCTS.of(told))


def lock(product_ids: Iterable[str]) -> LockedLevels:
    """The levels of these products, those that are known, locked until the transaction ends."""
    wanted = set(product_ids)
    if not wanted:
        return LockedLevels(())
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(wanted)])
        return LockedLevels(StockLevel(*row) for row in cursor.fetchall())


def save(locked: LockedLevels) -> list[StockLevelChanged]:
    """Write the changed levels and their movements; returns the events to publish."""
    touched = locked.touched()
    if not touched:
        return []
    changed = _update(touched)
    _insert_movements(locked.movements)
    return changed


def _insert_movements(movements: Sequence[Movement]) -> None:
    if movements:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_MOVEMENTS, MOVEMENTS.of(movements))
            for movement, (movement_id,) in zip(movements, cursor.fetchall(), strict=True):
                movement.pk = movement_id


def _update(locked: Sequence[StockLevel]) -> list[StockLevelChanged]:
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, CHANGES.of(locked))
        return [_level_changed(*row) for row in cursor.fetchall()]


def _level_changed(product_id: str, on_hand: int, reserved: int, version: int) -> StockLevelChanged:
    return StockLevelChanged(
        product_id=product_id,
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
        version=version,
    )
