"""How much there is of each product, for whom it is held, and how it came to be so."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.utils import timezone

PRODUCT_ID_LENGTH = 24
NAME_LENGTH = 200


class StockItem(models.Model):
    """The level of one product. It is changed under its row lock only (`levels.lock`), never by `save()`."""

    product_id = models.CharField(max_length=PRODUCT_ID_LENGTH, primary_key=True)
    on_hand = models.IntegerField(default=0)
    reserved = models.IntegerField(default=0)
    version = models.PositiveBigIntegerField(default=0)
    # What the catalogue says of the product: its name and whether it is sold, as of which of its versions (0: not heard
    # yet). An item that was made before names were kept has none until the catalogue speaks of its product again.
    name = models.CharField(max_length=NAME_LENGTH, default="", db_default="", blank=True)
    is_active = models.BooleanField(default=True, db_default=True)
    product_version = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["product_id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(on_hand__gte=0), name="stock_on_hand_not_negative"),
            models.CheckConstraint(condition=models.Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(
                condition=models.Q(on_hand__gte=models.F("reserved")), name="stock_reserved_is_on_hand"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.product_id}: {self.on_hand} ({self.reserved} reserved)"

    @property
    def available(self) -> int:
        """Pieces on hand that no order has reserved."""
        return self.on_hand - self.reserved


class State(models.TextChoices):
    """The states of a reservation."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Reason(models.TextChoices):
    """Why a reservation ended."""

    RELEASED = "released"
    RESTOCKED = "restocked"
    EXPIRED = "expired"


TRANSITIONS: Mapping[State, tuple[State, ...]] = {
    State.HELD: (State.COMMITTED, State.RELEASED, State.EXPIRED),
    State.COMMITTED: (State.RELEASED,),
    State.RELEASED: (),
    State.EXPIRED: (),
    State.REJECTED: (),
}
ENDED = (State.RELEASED, State.EXPIRED, State.REJECTED)


class WrongTransition(Exception):
    """A reservation cannot go there from its state: a mistake in the table of decisions."""


class Reservation(models.Model):
    """What is held for one order, or the memory that nothing is and nothing ever will be.

    A release that overtakes its reserve leaves a row that is `released` from the start and has no lines.
    """

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=9, choices=State.choices)
    reason = models.CharField(max_length=9, choices=Reason.choices, blank=True)
    lines = models.JSONField(default=dict, help_text="product id -> quantity")
    shortages = models.JSONField(default=list, help_text="of what there was too little when it was rejected")
    unavailable = models.JSONField(
        null=True, help_text="ids of what was not sold any more when it was rejected; null in older rows"
    )
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at", "-order_id"]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"], name="stock_reservation_held", condition=models.Q(state=State.HELD)
            ),
            models.Index(
                fields=["updated_at"],
                name="stock_reservation_ended",
                condition=models.Q(state__in=ENDED) & ~models.Q(reason=Reason.RESTOCKED),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=State.values), name="stock_reservation_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=State.HELD) | models.Q(expires_at__isnull=False),
                name="stock_reservation_held_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} ({self.state})"

    def move_to(self, state: State, reason: str = "") -> None:
        """Take the reservation on to `state`; raises WrongTransition."""
        if state not in TRANSITIONS[State(self.state)]:
            raise WrongTransition(
                f"A reservation that is {self.state} cannot become {state}: order {self.order_id}."
            )
        self.state, self.reason, self.updated_at = state, reason, timezone.now()


class Kind(models.TextChoices):
    """The kinds of a movement."""

    INITIAL = "initial"
    ADJUSTMENT = "adjustment"
    SET = "set"
    SALE = "sale"
    RESTOCK = "restock"


class Movement(models.Model):
    """One line of the ledger: why `on_hand` is what it is. A trigger refuses to change or delete a line."""

    product = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="movements", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    delta = models.IntegerField()
    on_hand = models.PositiveIntegerField(help_text="what there was after it")
    reason = models.CharField(max_length=200, blank=True)
    order_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=64, blank=True, help_text="the manager who did it")
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - absent is not empty
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["product", "-id"], name="stock_movement_of_product")]
        constraints: ClassVar = [
            # The last guard against selling twice: an order has one sale and one restock of a product.
            models.UniqueConstraint(
                fields=["order_id", "product", "kind"],
                name="stock_movement_once_per_order",
                condition=models.Q(order_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["actor", "idempotency_key"],
                name="stock_movement_once_per_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
            models.CheckConstraint(condition=~models.Q(delta=0), name="stock_movement_moves"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.delta:+d} ({self.kind})"
