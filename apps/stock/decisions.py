"""What each command does to a reservation in each state, on one screen. Nothing here touches the database.

Every command may come again, late, or before the one it follows: each cell of the table is an answer that is
right then, too. A command's own lines count only for a reservation that does not exist yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.stock.models import Reason, Reservation, State
from apps.stock.shelves import Lines, Quotes, Shelves
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
class Book:
    """The shelves and reservations of one transaction; `written` are to be saved, and `known` are in the database already."""

    shelves: Shelves
    reservations: dict[UUID, Reservation]
    expires_at: datetime
    written: dict[UUID, Reservation] = field(default_factory=dict)
    known: frozenset[UUID] = field(init=False)

    def __post_init__(self) -> None:
        self.known = frozenset(self.reservations)

    def write(self, reservation: Reservation) -> None:
        """It is new, or changed."""
        self.reservations[reservation.order_id] = self.written[reservation.order_id] = reservation

    def lines(self, order_id: UUID) -> Lines:
        """What an order's reservation is about."""
        return self.reservations[order_id].lines if order_id in self.reservations else {}


@dataclass(frozen=True, slots=True)
class Case:
    """One command that waits for its decision; `quotes` are the versions of products that its order was priced by."""

    order_id: UUID
    lines: Lines
    book: Book
    quotes: Quotes = field(default_factory=dict)

    @property
    def reservation(self) -> Reservation:
        """The order's reservation; KeyError where there is none."""
        return self.book.reservations[self.order_id]


def hold_or_reject(case: Case) -> Message:
    """All of it, or nothing: not what was archived, and not more than there is."""
    lines = dict(case.lines)
    unavailable = case.book.shelves.archived(lines, case.quotes)
    shortages = () if unavailable else case.book.shelves.shortages(lines)
    if unavailable or shortages:
        case.book.write(
            Reservation(
                order_id=case.order_id,
                state=State.REJECTED,
                lines=lines,
                shortages=[shortage.model_dump() for shortage in shortages],
                unavailable=list(unavailable),
            )
        )
        return _rejected(case.order_id, shortages, unavailable)
    case.book.shelves.hold(lines)
    expires_at = case.book.expires_at
    case.book.write(Reservation(order_id=case.order_id, state=State.HELD, lines=lines, expires_at=expires_at))
    return say_reserved(case)


def sell(case: Case) -> Message:
    """What is held is sold."""
    case.book.shelves.sell(case.reservation.lines, case.order_id)
    return _moved(case, State.COMMITTED)


def let_go(case: Case) -> Message:
    """What is held is free again."""
    case.book.shelves.let_go(case.reservation.lines)
    return _moved(case, State.RELEASED, Reason.RELEASED)


def expire(case: Case) -> Message:
    """Nobody came for what is held."""
    case.book.shelves.let_go(case.reservation.lines)
    return _moved(case, State.EXPIRED, Reason.EXPIRED)


def restock(case: Case) -> Message:
    """What was sold comes back."""
    case.book.shelves.restock(case.reservation.lines, case.order_id)
    return _moved(case, State.RELEASED, Reason.RESTOCKED)


def remember(case: Case) -> Message:
    """Nothing was ever held: remember that nothing may be."""
    case.book.write(Reservation(order_id=case.order_id, state=State.RELEASED, reason=Reason.RELEASED))
    return say_released(case)


def refuse(case: Case) -> Message:
    """It is too late, or it never was."""
    known = case.book.reservations.get(case.order_id)
    return StockRejected(order_id=case.order_id, reason=str(known.state) if known else UNKNOWN)


def reject_again(case: Case) -> Message:
    """The first answer stands, also if there is enough by now."""
    reservation = case.reservation
    shortages = tuple(Shortage(**each) for each in reservation.shortages)
    return _rejected(case.order_id, shortages, reservation.unavailable or ())


def say_reserved(case: Case) -> Message:
    """It is held for this order, or sold to it."""
    return StockReserved(order_id=case.order_id)


def say_committed(case: Case) -> Message:
    """It is sold."""
    return StockCommitted(order_id=case.order_id)


def say_released(case: Case) -> Message:
    """Nothing is held."""
    return StockReleased(order_id=case.order_id, reason=case.reservation.reason or Reason.RELEASED)


def _rejected(order_id: UUID, shortages: tuple[Shortage, ...], unavailable: Sequence[str]) -> StockRejected:
    reason = f"no longer sold: {', '.join(unavailable)}"[:LONGEST_REASON] if unavailable else None
    return StockRejected(
        order_id=order_id, shortages=shortages, unavailable=tuple(unavailable), reason=reason
    )


def _moved(case: Case, state: State, reason: str = "") -> Message:
    reservation = case.reservation
    reservation.move_to(state, reason)
    case.book.write(reservation)
    return say_committed(case) if state == State.COMMITTED else say_released(case)


Decision = Callable[[Case], Message]

TABLE: Mapping[type[Message], Mapping[State | None, Decision]] = {
    ReserveStock: {
        None: hold_or_reject,
        State.HELD: say_reserved,
        State.COMMITTED: say_reserved,
        State.RELEASED: refuse,
        State.EXPIRED: refuse,
        State.REJECTED: reject_again,
    },
    CommitStock: {
        None: refuse,
        State.HELD: sell,
        State.COMMITTED: say_committed,
        State.RELEASED: refuse,
        State.EXPIRED: refuse,
        State.REJECTED: refuse,
    },
    ReleaseStock: {
        None: remember,
        State.HELD: let_go,
        State.COMMITTED: restock,
        State.RELEASED: say_released,
        State.EXPIRED: say_released,
        State.REJECTED: say_released,
    },
}


def decide(command: type[Message], case: Case) -> Message:
    """The answer to a command, with what it brings about done in `case.book`."""
    reservation = case.book.reservations.get(case.order_id)
    state = State(reservation.state) if reservation else None
    return TABLE[command][state](case)
