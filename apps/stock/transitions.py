"""What each command does to a reservation in each state: one table of transitions. Nothing here touches the database.

Every command may come again, late, or before the one it follows: each cell of the table is an answer that is
right then, too. A command's own lines count only for a reservation that does not exist yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.stock.levels import Lines, LockedLevels, Quotes
from apps.stock.models import Reason, Reservation, State
from shared.contracts import (
    CommitStock,
    Message,
    ReleaseStock,
    ReserveStock,
    Shortage,
    StockCommitted,
    StockRejected,
    StockReleased,
    StockReserved,
)

UNKNOWN = "unknown"  # why a commit is refused that no reservation was made for
LONGEST_REASON = 500


@dataclass
class ReservationBatch:
    """The levels and reservations of one transaction; `written` are to be saved, and `known` are in the database already."""

    levels: LockedLevels
    reservations: dict[UUID, Reservation]
    expires_at: datetime
    written: dict[UUID, Reservation] = field(default_factory=dict)
    known: frozenset[UUID] = field(init=False)

    def __post_init__(self) -> None:
        self.known = frozenset(self.reservations)

    def write(self, reservation: Reservation) -> None:
        """Have a new or changed reservation saved."""
        self.reservations[reservation.order_id] = self.written[reservation.order_id] = reservation

    def lines(self, order_id: UUID) -> Lines:
        """Quantities by product of an order's reservation; empty where there is none."""
        return self.reservations[order_id].lines if order_id in self.reservations else {}


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command is carried out on; `quotes` are the versions of products that its order was priced by."""

    order_id: UUID
    lines: Lines
    batch: ReservationBatch
    quotes: Quotes = field(default_factory=dict)

    @property
    def reservation(self) -> Reservation:
        """The order's reservation; KeyError where there is none."""
        return self.batch.reservations[self.order_id]


def reserve_or_reject(context: CommandContext) -> Message:
    """ReserveStock without a reservation: hold every line, or reject the whole for what is archived or too few."""
    lines = dict(context.lines)
    unavailable = context.batch.levels.archived(lines, context.quotes)
    shortages = () if unavailable else context.batch.levels.shortages(lines)
    if unavailable or shortages:
        context.batch.write(
            Reservation(
                order_id=context.order_id,
                state=State.REJECTED,
                lines=lines,
                shortages=[shortage.model_dump() for shortage in shortages],
                unavailable=list(unavailable),
            )
        )
        return _rejected(context.order_id, shortages, unavailable)
    context.batch.levels.hold(lines)
    expires_at = context.batch.expires_at
    context.batch.write(
        Reservation(order_id=context.order_id, state=State.HELD, lines=lines, expires_at=expires_at)
    )
    return reply_reserved(context)


def commit(context: CommandContext) -> Message:
    """CommitStock of a held reservation: its lines are sold. Replies StockCommitted."""
    context.batch.levels.sell(context.reservation.lines, context.order_id)
    return _moved(context, State.COMMITTED)


def release(context: CommandContext) -> Message:
    """ReleaseStock of a held reservation: its lines are available again. Replies StockReleased."""
    context.batch.levels.release(context.reservation.lines)
    return _moved(context, State.RELEASED, Reason.RELEASED)


def expire(context: CommandContext) -> Message:
    """The time of a held reservation is over: its lines are available again. Replies StockReleased."""
    context.batch.levels.release(context.reservation.lines)
    return _moved(context, State.EXPIRED, Reason.EXPIRED)


def restock(context: CommandContext) -> Message:
    """ReleaseStock of a committed reservation: its lines are put back on hand. Replies StockReleased."""
    context.batch.levels.restock(context.reservation.lines, context.order_id)
    return _moved(context, State.RELEASED, Reason.RESTOCKED)


def record_tombstone(context: CommandContext) -> Message:
    """ReleaseStock before any ReserveStock: a tombstone, so that a late one is refused. Replies StockReleased."""
    context.batch.write(Reservation(order_id=context.order_id, state=State.RELEASED, reason=Reason.RELEASED))
    return reply_released(context)


def reply_refused(context: CommandContext) -> Message:
    """A command that comes too late, or has no reservation: StockRejected with the state as its reason."""
    known = context.batch.reservations.get(context.order_id)
    return StockRejected(order_id=context.order_id, reason=str(known.state) if known else UNKNOWN)


def repeat_rejection(context: CommandContext) -> Message:
    """ReserveStock of a rejected reservation: the first reply again, also where there is enough by now."""
    reservation = context.reservation
    shortages = tuple(Shortage(**each) for each in reservation.shortages)
    return _rejected(context.order_id, shortages, reservation.unavailable or ())


def reply_reserved(context: CommandContext) -> Message:
    """StockReserved: the lines are held for this order, or sold to it."""
    return StockReserved(order_id=context.order_id)


def reply_committed(context: CommandContext) -> Message:
    """StockCommitted: the lines are sold to this order."""
    return StockCommitted(order_id=context.order_id)


def reply_released(context: CommandContext) -> Message:
    """StockReleased: this order has nothing reserved or sold any more."""
    return StockReleased(order_id=context.order_id, reason=context.reservation.reason or Reason.RELEASED)


def _rejected(order_id: UUID, shortages: tuple[Shortage, ...], unavailable: Sequence[str]) -> StockRejected:
    reason = f"no longer sold: {', '.join(unavailable)}"[:LONGEST_REASON] if unavailable else None
    return StockRejected(
        order_id=order_id, shortages=shortages, unavailable=tuple(unavailable), reason=reason
    )


def _moved(context: CommandContext, state: State, reason: str = "") -> Message:
    reservation = context.reservation
    reservation.move_to(state, reason)
    context.batch.write(reservation)
    return reply_committed(context) if state == State.COMMITTED else reply_released(context)


Transition = Callable[[CommandContext], Message]

TABLE: Mapping[type[Message], Mapping[State | None, Transition]] = {
    ReserveStock: {
        None: reserve_or_reject,
        State.HELD: reply_reserved,
        State.COMMITTED: reply_reserved,
        State.RELEASED: reply_refused,
        State.EXPIRED: reply_refused,
        State.REJECTED: repeat_rejection,
    },
    CommitStock: {
        None: reply_refused,
        State.HELD: commit,
        State.COMMITTED: reply_committed,
        State.RELEASED: reply_refused,
        State.EXPIRED: reply_refused,
        State.REJECTED: reply_refused,
    },
    ReleaseStock: {
        None: record_tombstone,
        State.HELD: release,
        State.COMMITTED: restock,
        State.RELEASED: reply_released,
        State.EXPIRED: reply_released,
        State.REJECTED: reply_released,
    },
}


def apply(command: type[Message], context: CommandContext) -> Message:
    """Carry out a command in memory, on `context.batch`; returns its reply."""
    reservation = context.batch.reservations.get(context.order_id)
    state = State(reservation.state) if reservation else None
    return TABLE[command][state](context)
