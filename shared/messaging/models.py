"""The tables that make messages safe. Each service has its own, in its own database."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class OutboxMessage(models.Model):
    """A message that a transaction decided to send. `sent_at` is set only on Kafka's delivery report."""

    message_id = models.UUIDField()
    topic = models.CharField(max_length=100)
    key = models.CharField(max_length=128)
    headers = models.JSONField()
    payload = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(sent_at__isnull=True)),
            models.Index(fields=["sent_at"], name="outbox_sent", condition=models.Q(sent_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.message_id}"


class InboxMessage(models.Model):
    """The id of a message whose effect is in this database; written in the effect's own transaction."""

    message_id = models.CharField(max_length=128, primary_key=True)
    handled_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.message_id


class ParkedMessage(models.Model):
    """A message that failed, or that waits behind one of its key that did.

    `starts` counts tries that were begun and `failures` those that ended with an error: the difference is
    how often a try took its process down with it. Both survive the process, since they are committed apart
    from the try.
    """

    topic = models.CharField(max_length=100)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    key = models.BinaryField(null=True)
    headers = models.JSONField()
    payload = models.BinaryField()
    starts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(default="")
    parked_at = models.DateTimeField(default=timezone.now)
    next_try_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["topic", "partition", "offset"], name="parked_once"),
        ]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"
