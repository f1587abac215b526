"""The levels of some products in memory: decisions change them, `levels.save` writes them down at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from apps.stock.models import Kind, Movement
from shared.contracts import Shortage

Lines = Mapping[str, int]  # product id -> quantity
Quotes = Mapping[str, int]  # product id -> the version that an order was priced by, where it says so


@dataclass(slots=True)
class Shelf:
    """One product: how much there is, how much is promised, and how both differ from what was locked.

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
        """What can still be promised."""
        return self.on_hand - self.reserved

    def change(self, *, on_hand: int = 0, reserved: int = 0) -> None:
        """Add to both."""
        self.on_hand += on_hand
        self.reserved += reserved
        self.on_hand_change += on_hand
        self.reserved_change += reserved
        self.is_touched = True


class Shelves:
    """The locked shelves of one transaction, and the movements that were decided on them."""

    def __init__(self, shelves: Iterable[Shelf]) -> None:
        self._shelves = {shelf.product_id: shelf for shelf in shelves}
        self.movements: list[Movement] = []

    def __getitem__(self, product_id: str) -> Shelf:
        return self._shelves[product_id]

    def __contains__(self, product_id: str) -> bool:
        return product_id in self._shelves

    def touched(self) -> list[Shelf]:
        """What has to be written, in product order."""
        return [self._shelves[key] for key in sorted(self._shelves) if self._shelves[key].is_touched]

    def shortages(self, lines: Lines) -> tuple[Shortage, ...]:
        """Of what there is too little for `lines`; a product that nobody knows has none."""
        return tuple(
            Shortage(product_id=product_id, requested=quantity, available=available)
            for product_id, quantity in sorted(lines.items())
            if (available := self._shelves[product_id].available if product_id in self._shelves else 0)
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
            if (shelf := self._shelves.get(product_id)) is not None
            and not shelf.is_active
            and quotes.get(product_id, 0) <= shelf.product_version
        )

    def hold(self, lines: Lines) -> None:
        """Promise `lines` to somebody."""
        for product_id, quantity in lines.items():
            self._shelves[product_id].change(reserved=quantity)

    def let_go(self, lines: Lines) -> None:
        """Take the promise back."""
        for product_id, quantity in lines.items():
            self._shelves[product_id].change(reserved=-quantity)

    def sell(self, lines: Lines, order_id: UUID) -> None:
        """What was promised leaves the shelf."""
        self.let_go(lines)
        for product_id, quantity in lines.items():
            self.move(Movement(product_id=product_id, kind=Kind.SALE, delta=-quantity, order_id=order_id))

    def restock(self, lines: Lines, order_id: UUID) -> None:
        """What was sold comes back."""
        for product_id, quantity in lines.items():
            self.move(Movement(product_id=product_id, kind=Kind.RESTOCK, delta=quantity, order_id=order_id))

    def move(self, movement: Movement) -> Movement:
        """Change what is on hand, with a line in the ledger that says why."""
        shelf = self._shelves[movement.product_id]
        shelf.change(on_hand=movement.delta)
        movement.on_hand = shelf.on_hand
        self.movements.append(movement)
        return movement
