"""The order and its lines: what was bought, at which price, and how far it has come.

    submitted ─▶ confirmed ─▶ shipped ─▶ delivered
        │            │
        ├▶ rejected  └▶ cancelled
        └▶ cancelled

Nothing else: each transition is a method, and a wrong one raises.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.fields.json import KT, KeyTextTransform
from django.db.models.functions import Cast, Right, Upper
from django.utils import timezone
from django.utils.functional import cached_property

from apps.order.errors import WrongState
from apps.order.identifiers import new_order_id, order_number
from shared.contracts.names import with_names


class Status(models.TextChoices):
    """The states of an order; `Order.move_to` allows the ways between them."""

    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"


TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    Status.SUBMITTED: (Status.CONFIRMED, Status.REJECTED, Status.CANCELLED),
    Status.CONFIRMED: (Status.SHIPPED, Status.CANCELLED),
    Status.SHIPPED: (Status.DELIVERED,),
    Status.DELIVERED: (),
    Status.REJECTED: (),
    Status.CANCELLED: (),
}
UNDOABLE = (Status.SUBMITTED, Status.CONFIRMED)
# Ends after which the basket can be ordered again as it is: nothing was taken out of it. What was confirmed once
# leaves the basket, also when it is cancelled later, and holds its version for ever.
ENDS_UNCONFIRMED = (Status.REJECTED, Status.CANCELLED)
# The part of an id that its number is made from (`identifiers.number_range`), as an index has it.
TAIL = Right(Cast("id", models.TextField()), 12)
LONGEST_NAME, LONGEST_EMAIL = 255, 254  # characters, as Keycloak takes them


def beginnings(expression: str | KeyTextTransform, name: str) -> models.Index:
    """An index for what begins with some letters, in any case and under any collation: for Django's `istartswith`."""
    return models.Index(OpClass(Upper(expression), name="text_pattern_ops"), name=name)


class Order(models.Model):
    """An order as it was placed; only its status moves."""

    id = models.UUIDField(primary_key=True, default=new_order_id, editable=False)
    customer_id = models.CharField(max_length=64)
    # What Keycloak called the customer when the order was placed, for whoever looks the order up. Never in the API's
    # answers and in no message; null where it was not known, and in orders that were placed before it was kept.
    customer_name = models.CharField(max_length=LONGEST_NAME, null=True)  # noqa: DJ001 - absent is not empty
    customer_email = models.CharField(max_length=LONGEST_EMAIL, null=True)  # noqa: DJ001 - as above
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.SUBMITTED)
    status_reason = models.CharField(max_length=500, blank=True)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    shipping_address = models.JSONField()
    # The version of the basket that this order holds; null where it was not ordered from a basket or freed it.
    basket_version = models.BigIntegerField(null=True)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - absent is not empty
    fingerprint = models.CharField(max_length=64, blank=True)
    cancellation_requested_at = models.DateTimeField(null=True)
    cancellation_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "-created_at", "-id"], name="order_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="order_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="order_in_status"),
            # What an order is looked up by in the back office (`search.py`).
            models.Index(TAIL, name="order_number_tail"),
            beginnings("customer_email", "order_customer_email"),
            beginnings("customer_name", "order_customer_name"),
            beginnings(KT("shipping_address__name"), "order_recipient"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer_id", "idempotency_key"], name="order_once_per_key"),
            models.UniqueConstraint(
                fields=["customer_id", "basket_version"], name="order_once_per_basket_version"
            ),
            models.CheckConstraint(condition=models.Q(total__gte=0), name="order_total_not_negative"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="order_status_known"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The order number that people use, made from the id (MC-…)."""
        return order_number(self.id)

    @cached_property
    def bought(self) -> "list[OrderLine]":
        """The lines: they never change, so they are read once."""
        return list(self.lines.all())

    @property
    def reason(self) -> str:
        """Why it is where it is, for people: products by the names they were bought under."""
        return with_names(self.status_reason, {line.product_id: line.name for line in self.bought})

    @property
    def is_being_cancelled(self) -> bool:
        """Whether somebody wants it undone and the saga has not decided yet (a semantic lock)."""
        return self.cancellation_requested_at is not None and self.status in UNDOABLE

    def move_to(self, status: Status, reason: str = "") -> None:
        """Take the order on to `status`; raises WrongState where it cannot go there from here."""
        if status not in TRANSITIONS[Status(self.status)]:
            raise WrongState(
                f"An order that is {self.status} cannot become {status}.", order_status=self.status
            )
        if self.status == Status.SUBMITTED and status in ENDS_UNCONFIRMED:
            self.basket_version = None
        self.status, self.status_reason, self.updated_at = status, reason, timezone.now()

    def ship(self) -> None:
        """It left the house; refused while a cancellation is under way."""
        if self.is_being_cancelled:
            raise WrongState("The order is being cancelled and cannot be shipped.", order_status=self.status)
        self.move_to(Status.SHIPPED)

    def request_cancellation(self, reason: str) -> bool:
        """Ask for it to be undone. Returns whether this is news; raises WrongState once it is too late."""
        if self.status == Status.CANCELLED or self.is_being_cancelled:
            return False
        if self.status not in UNDOABLE:
            raise WrongState(f"An order that is {self.status} cannot be cancelled.", order_status=self.status)
        self.cancellation_requested_at = self.updated_at = timezone.now()
        self.cancellation_reason = reason
        return True


class OrderLine(models.Model):
    """So many of one product, with the name and price it was bought for."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    product_id = models.CharField(max_length=24)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    quantity = models.PositiveIntegerField()
    # Which version of the product name and price are of; null in lines that were written before this was kept.
    product_version = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["order_id", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_line_has_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def line_total(self) -> Decimal:
        """Unit price times quantity."""
        return self.unit_price * self.quantity


class ProductCopy(models.Model):
    """What this service knows of a product, as the product service told it last."""

    product_id = models.CharField(max_length=24, primary_key=True)
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    is_active = models.BooleanField()
    version = models.BigIntegerField()

    def __str__(self) -> str:
        return self.name


def total_of(lines: Iterable[OrderLine]) -> Decimal:
    """The sum of the lines' totals."""
    return sum((line.line_total for line in lines), Decimal(0))
