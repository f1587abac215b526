"""Locking levels and writing them: how each change of stock, by whomever, gets into the database.

Every transaction locks all the products that it may touch with one statement and in one order, so that no
two can wait for each other; it writes them with another. Both cost one round trip however many there are.
"""

from collections.abc import Iterable, Sequence

from django.db import connection

from apps.stock.models import Movement
from apps.stock.shelves import Shelf, Shelves
from shared.contracts import ProductEvent, StockLevelChanged
from shared.postgresql.columns import Columns

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
WRITE_DOWN = f"""
    INSERT INTO stock_movement ({MOVEMENTS.names})
    SELECT {MOVEMENTS.names} FROM ROWS FROM ({MOVEMENTS.rows}) WITH ORDINALITY AS moved ({MOVEMENTS.names}, nth)
    ORDER BY nth RETURNING id
"""  # noqa: S608 - names of our own

# Whatever is told of a product, it exists; an older version that comes late changes nothing. The version that is known
# is taken once more where the name is another one: the release before did not keep it.
TOLD = Columns(product_id="text", name="text", is_active="bool", version="bigint")
FOLLOW = f"""
    INSERT INTO stock_stockitem AS item
        (product_id, on_hand, reserved, version, name, is_active, product_version, created_at, updated_at)
    SELECT product_id, 0, 0, 0, name, is_active, told.version, now(), now()
    FROM {TOLD.rows} AS told ({TOLD.names})
    ON CONFLICT (product_id) DO UPDATE
    SET (name, is_active, product_version) = (EXCLUDED.name, EXCLUDED.is_active, EXCLUDED.product_version)
    WHERE item.product_version < EXCLUDED.product_version
        OR (item.product_version = EXCLUDED.product_version AND item.name <> EXCLUDED.name)
"""  # noqa: S608 - names of our own


def follow_catalogue(events: Iterable[ProductEvent]) -> None:
    """Take over from `events` what each product is called and whether it is sold; an empty item for one that is new."""
    newest: dict[str, ProductEvent] = {}
    for event in events:
        if event.product_id not in newest or newest[event.product_id].version < event.version:
            newest[event.product_id] = event
    told = [newest[key] for key in sorted(newest)]  # locked in this order, as everywhere
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, TOLD.of(told))


def lock(product_ids: Iterable[str]) -> Shelves:
    """The shelves of the products that are known, locked until the transaction ends."""
    wanted = set(product_ids)
    if not wanted:
        return Shelves(())
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(wanted)])
        return Shelves(Shelf(*row) for row in cursor.fetchall())


def save(shelves: Shelves) -> list[StockLevelChanged]:
    """Write what changed on `shelves`, and the movements that say why. Returns what others must be told."""
    touched = shelves.touched()
    if not touched:
        return []
    changed = _update(touched)
    _write_down(shelves.movements)
    return changed


def _write_down(movements: Sequence[Movement]) -> None:
    if movements:
        with connection.cursor() as cursor:
            cursor.execute(WRITE_DOWN, MOVEMENTS.of(movements))
            for movement, (movement_id,) in zip(movements, cursor.fetchall(), strict=True):
                movement.pk = movement_id


def _update(shelves: Sequence[Shelf]) -> list[StockLevelChanged]:
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, CHANGES.of(shelves))
        return [_level_changed(*row) for row in cursor.fetchall()]


def _level_changed(product_id: str, on_hand: int, reserved: int, version: int) -> StockLevelChanged:
    return StockLevelChanged(
        product_id=product_id,
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
        version=version,
    )
