"""Locking levels and writing them: how each change of stock, by whomever, gets into the database.

Every transaction locks all the products that it may touch with one statement and in one order, so that no
two can wait for each other; it writes them with another. Both cost one round trip however many there are.
"""

from collections.abc import Iterable, Sequence

from django.db import connection

from apps.stock.models import Movement, StockItem
from apps.stock.shelves import Shelf, Shelves
from shared.contracts import ProductEvent, StockLevelChanged

# Changes, not values: were a lock ever forgotten, the check constraints would still be right to refuse.
UPDATE = """
    UPDATE stock_stockitem AS item
    SET on_hand = item.on_hand + change.on_hand, reserved = item.reserved + change.reserved,
        version = item.version + 1, updated_at = now()
    FROM unnest(%s::text[], %s::int[], %s::int[]) AS change (product_id, on_hand, reserved)
    WHERE item.product_id = change.product_id
    RETURNING item.product_id, item.on_hand, item.reserved, item.version
"""

# Whatever is told of a product, it exists; an older version that comes late changes nothing. The version that is known
# is taken once more where the name is another one: the release before did not keep it.
FOLLOW = """
    INSERT INTO stock_stockitem AS item
        (product_id, on_hand, reserved, version, name, is_active, product_version, created_at, updated_at)
    SELECT product_id, 0, 0, 0, name, is_active, product_version, now(), now()
    FROM unnest(%s::text[], %s::text[], %s::bool[], %s::bigint[])
        AS told (product_id, name, is_active, product_version)
    ON CONFLICT (product_id) DO UPDATE
    SET (name, is_active, product_version) = (EXCLUDED.name, EXCLUDED.is_active, EXCLUDED.product_version)
    WHERE item.product_version < EXCLUDED.product_version
        OR (item.product_version = EXCLUDED.product_version AND item.name <> EXCLUDED.name)
"""


def follow_catalogue(events: Iterable[ProductEvent]) -> None:
    """Take over from `events` what each product is called and whether it is sold; an empty item for one that is new."""
    newest: dict[str, ProductEvent] = {}
    for event in events:
        if event.product_id not in newest or newest[event.product_id].version < event.version:
            newest[event.product_id] = event
    told = [newest[key] for key in sorted(newest)]  # locked in this order, as everywhere
    with connection.cursor() as cursor:
        cursor.execute(
            FOLLOW,
            [
                [event.product_id for event in told],
                [event.name for event in told],
                [event.is_active for event in told],
                [event.version for event in told],
            ],
        )


def lock(product_ids: Iterable[str]) -> Shelves:
    """The shelves of the products that are known, locked until the transaction ends."""
    wanted = set(product_ids)
    if not wanted:
        return Shelves(())
    rows = (
        StockItem.objects.select_for_update(no_key=True)
        .filter(product_id__in=wanted)
        .order_by("product_id")
        .values_list("product_id", "on_hand", "reserved", "is_active", "product_version")
    )
    return Shelves(Shelf(*row) for row in rows)


def save(shelves: Shelves) -> list[StockLevelChanged]:
    """Write what changed on `shelves`, and the movements that say why. Returns what others must be told."""
    touched = shelves.touched()
    if not touched:
        return []
    changed = _update(touched)
    Movement.objects.bulk_create(shelves.movements)
    return changed


def _update(shelves: Sequence[Shelf]) -> list[StockLevelChanged]:
    with connection.cursor() as cursor:
        cursor.execute(
            UPDATE,
            [
                [shelf.product_id for shelf in shelves],
                [shelf.on_hand_change for shelf in shelves],
                [shelf.reserved_change for shelf in shelves],
            ],
        )
        return [_level_changed(*row) for row in cursor.fetchall()]


def _level_changed(product_id: str, on_hand: int, reserved: int, version: int) -> StockLevelChanged:
    return StockLevelChanged(
        product_id=product_id,
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
        version=version,
    )
