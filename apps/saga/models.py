"""A saga: where one order placement stands. PostgreSQL is the truth; everything else may forget."""

from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import uuid4

from django.db import models
from django.utils import timezone

from shared.contracts import BY_TYPE
from shared.contracts.message import AboutOrder


class Status(models.TextChoices):
    """The states of a saga."""

    RUNNING = "running"
    COMPLETED = "completed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"


class StepStatus(models.TextChoices):
    """The states of a step."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    SKIPPED = "skipped"


STUCK = "stuck"
SHOWN = [*Status.choices, (STUCK, STUCK)]  # the statuses as the contract names them


class Saga(models.Model):
    """One placement of one order.

    `steps` and `history` are what the API shows. `is_stuck` stands beside `status`, so that a stuck saga
    remembers which way it was going and an answer that comes after all takes it on.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    kind = models.CharField(max_length=40)
    order_id = models.UUIDField(unique=True)
    customer_id = models.CharField(max_length=64)
    items = models.JSONField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.RUNNING)
    is_stuck = models.BooleanField(default=False)
    step = models.CharField(max_length=40, blank=True)
    deadline = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    cancel_requested = models.BooleanField(default=False)
    steps = models.JSONField(default=list)
    history = models.JSONField(default=list)
    traceparent = models.CharField(max_length=60, blank=True)
    # The definition that moved it last: a process of an earlier release leaves it alone.
    version = models.SmallIntegerField(default=1, db_default=1)
    # Moving it failed so often in a row, and is tried again then.
    failures = models.IntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["deadline"], name="saga_deadline", condition=models.Q(deadline__isnull=False)
            ),
            models.Index(fields=["customer_id", "-created_at"], name="saga_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="saga_newest"),
            models.Index(fields=["-created_at", "-id"], name="saga_stuck", condition=models.Q(is_stuck=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.order_id}: {self.shown_status}"

    @property
    def shown_status(self) -> str:
        """The status as the contract names it."""
        return STUCK if self.is_stuck else self.status

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to be done. One that nobody has begun has no step and has not ended."""
        return self.status in {Status.COMPLETED, Status.COMPENSATED}

    @property
    def trace_id(self) -> str:
        """The trace of the request that placed the order."""
        return self.traceparent[3:35]

    @property
    def product_names(self) -> dict[str, str]:
        """Product id -> name of what was ordered, as far as the order said; for texts that customers read."""
        return {item["product_id"]: item.get("name", "") for item in self.items}

    def record(self, name: str) -> dict[str, Any] | None:
        """What `steps` says of the step `name`; None where the saga began under a definition without it."""
        return next((step for step in self.steps if step["name"] == name), None)

    def note(self, now: datetime, event: str, detail: str = "") -> None:
        """Add a line to the history."""
        self.history.append({"at": stamp(now), "event": event, "detail": detail})


class SagaEvent(models.Model):
    """An event that could not be applied as it came. It goes when it is."""

    order_id = models.UUIDField(db_index=True)
    message_id = models.CharField(max_length=128)
    type = models.CharField(max_length=80)
    data = models.JSONField()
    traceparent = models.CharField(max_length=60, blank=True)
    received_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.type} {self.order_id}"

    @property
    def message(self) -> AboutOrder:
        """What it told; raises where no contract of this release has it."""
        return cast("AboutOrder", BY_TYPE[self.type].model_validate(self.data, strict=False))


class DeadLetter(models.Model):
    """A message that a consumer of any service gave up on."""

    class Status(models.TextChoices):
        """The states of a dead letter."""

        WAITING = "waiting"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    topic = models.CharField(max_length=100)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    key = models.BinaryField(null=True)
    headers = models.JSONField()
    payload = models.BinaryField()
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    service = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.WAITING)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["topic", "partition", "offset"], name="dead_letter_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-id"], name="dead_letter_waiting", condition=models.Q(status="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def stamp(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
