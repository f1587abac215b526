"""Everything that changes stock: commands of sagas, reservations whose time is over, and what managers do to levels.

Each operation is one transaction; a batch of commands has that of its messages. The order of locks is the same everywhere: first reservations by order id, then
products by product id.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.stock import levels, reservations, transitions
from apps.stock.errors import BelowReserved, IdempotencyKeyReused, TooMany, UnknownProduct
from apps.stock.levels import Lines, LockedLevels, Quotes
from apps.stock.models import Kind, Movement, Reservation, State, StockItem
from apps.stock.transitions import CommandContext, ReservationBatch
from shared.contracts import Item, ProductEvent, QuotedItem, ReserveStock, StockLevelChanged
from shared.contracts.stock import StockCommand
from shared.history.record import record
from shared.messaging import outbox
from shared.messaging.envelope import Received
from shared.messaging.outbox import Outgoing

MAX_ON_HAND = 1_000_000_000
SWEEP = 200  # expired reservations in one transaction
ACTIVE = (State.HELD, State.COMMITTED)  # reservations with lines that a command may still move

Precondition = Callable[[StockItem], None]


def whatever_it_is(_: StockItem) -> None:
    """The precondition of a caller who named none."""


def apply_commands(commands: Sequence[Received[StockCommand]], events: Sequence[ProductEvent] = ()) -> None:
    """Apply `events` of products, then each command in turn, and publish the replies.

    Belongs into the transaction of the messages.
    """
    batch = _open(commands, events)
    replies: list[Outgoing] = []
    causes: dict[
        str, Received[StockCommand]
    ] = {}  # a changed level is put down to the last order that names it
    for command in commands:
        items = command.message.items
        context = CommandContext(command.message.order_id, lines_of(items), batch, quotes_of(items))
        replies.append((transitions.apply(type(command.message), context), command))
        causes.update(dict.fromkeys(batch.lines(context.order_id), command))
    changed: list[Outgoing] = [(level, causes[level.product_id]) for level in _save(batch)]
    outbox.publish_all([*replies, *changed])


def expire() -> int:
    """Expire every held reservation whose time is over; returns how many."""
    total = expired = _expire_some()
    while expired == SWEEP:
        expired = _expire_some()
        total += expired
    return total


def expire_some() -> bool:
    """Expire up to `SWEEP` of them, in one transaction; returns whether more may be left."""
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
        batch = _batch({reservation.order_id: reservation for reservation in late})
        replies = [
            transitions.expire(CommandContext(reservation.order_id, {}, batch)) for reservation in late
        ]
        outbox.publish(*replies, *_save(batch))
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


def _open(commands: Sequence[Received[StockCommand]], events: Sequence[ProductEvent]) -> ReservationBatch:
    """Lock the reservations of `commands`, then the products of both in one order; apply the events."""
    ids = {command.message.order_id for command in commands}
    known = {reservation.order_id: reservation for reservation in reservations.lock(ids)}
    wanted = [
        lines_of(command.message.items)
        for command in commands
        if isinstance(command.message, ReserveStock) and command.message.order_id not in known
    ]
    if events:
        levels.lock({*_products(known, wanted), *(event.product_id for event in events)})
        levels.apply_product_events(events)
    return _batch(known, wanted)


def _products(known: dict[UUID, Reservation], wanted: Iterable[Lines]) -> set[str]:
    held: list[Mapping[str, int]] = [row.lines for row in known.values() if row.state in ACTIVE]
    return {product_id for lines in [*held, *wanted] for product_id in lines}


def _batch(known: dict[UUID, Reservation], wanted: Iterable[Lines] = ()) -> ReservationBatch:
    locked = levels.lock(_products(known, wanted))
    return ReservationBatch(locked, known, timezone.now() + timedelta(seconds=settings.RESERVATION_SECONDS))


def _save(batch: ReservationBatch) -> list[StockLevelChanged]:
    changed = levels.save(batch.levels)
    reservations.save(batch)
    return changed


@transaction.atomic
def set_on_hand(
    product_id: str,
    on_hand: int,
    actor: str,
    precondition: Precondition = whatever_it_is,
    *,
    reason: str = "",
) -> StockItem:
    """Somebody counted: so many there are. The history has the `reason`, where there is one.

    `precondition` is shown the level under its lock. Raises UnknownProduct, BelowReserved and what it raises.
    """
    locked = _lock_one(product_id)
    if precondition is not whatever_it_is:
        precondition(StockItem.objects.get(pk=product_id))
    delta = on_hand - locked[product_id].on_hand
    if delta:
        _move(locked, Movement(product_id=product_id, kind=Kind.SET, delta=delta, actor=actor), "set", reason)
    return StockItem.objects.get(pk=product_id)


def adjust(product_id: str, delta: int, reason: str, actor: str, key: str | None = None) -> Movement:
    """So many came or went; the same `key` of the same `actor` gives the first movement again.

    Raises UnknownProduct, BelowReserved, TooMany, IdempotencyKeyReused.
    """
    wanted = Movement(
        product_id=product_id,
        kind=Kind.ADJUSTMENT,
        delta=delta,
        reason=reason,
        actor=actor,
        idempotency_key=key,
    )
    try:
        return _adjust(wanted)
    except IntegrityError as error:
        if key is None:
            raise
        # The lock is on the product: the same key for another one, at the same moment, is met only here.
        raise IdempotencyKeyReused from error


@transaction.atomic
def _adjust(wanted: Movement) -> Movement:
    locked = _lock_one(wanted.product_id)
    earlier = _first_with_key_of(wanted)
    if earlier is None:
        return _move(locked, wanted, "adjusted", wanted.reason)
    if (earlier.product_id, earlier.delta, earlier.reason) != (
        wanted.product_id,
        wanted.delta,
        wanted.reason,
    ):
        raise IdempotencyKeyReused
    return earlier


def _first_with_key_of(movement: Movement) -> Movement | None:
    if movement.idempotency_key is None:
        return None
    return Movement.objects.filter(actor=movement.actor, idempotency_key=movement.idempotency_key).first()


def _lock_one(product_id: str) -> LockedLevels:
    locked = levels.lock([product_id])
    if product_id not in locked:
        raise UnknownProduct
    return locked


def _move(locked: LockedLevels, movement: Movement, action: str, reason: str) -> Movement:
    level = locked[movement.product_id]
    left = level.on_hand + movement.delta
    if left < level.reserved:
        raise BelowReserved(
            f"{level.on_hand} are on hand and orders hold {level.reserved} of them: {left} is too few.",
            on_hand=level.on_hand,
            reserved=level.reserved,
        )
    if left > MAX_ON_HAND:
        raise TooMany(f"{level.on_hand} are on hand and {MAX_ON_HAND} is the most.", on_hand=level.on_hand)
    before = level.on_hand
    locked.move(movement)
    outbox.publish(*levels.save(locked))
    item = StockItem.objects.get(pk=movement.product_id)
    record(item, action, {"on_hand": (before, item.on_hand)}, reason=reason, name=item.name or item.pk)
    return movement
