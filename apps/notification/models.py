"""What each customer was told, and how far each customer's numbering has come."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

ID_LENGTH = 64  # a customer's id is Keycloak's `sub`


class Notification(models.Model):
    """Something a customer was told about an order, once.

    `id` counts the customer's own notifications from 1 on. The rows of one customer become visible in the order of their ids and without a gap (`operations.record`
    says how), so "everything after 17" is an exact question at every moment.
    """

    pk = models.CompositePrimaryKey("customer_id", "id")
    customer_id = models.CharField(max_length=ID_LENGTH)
    id = models.BigIntegerField()
    event = models.CharField(max_length=40)
    order_id = models.UUIDField()
    title = models.CharField(max_length=200)
    body = models.TextField()
    data = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # The order first: one look-up by order finds what was told already (`operations.record`).
            models.UniqueConstraint(fields=["order_id", "event", "customer_id"], name="told_once"),
            models.CheckConstraint(condition=models.Q(id__gte=1), name="id_is_positive"),
        ]
        indexes: ClassVar = [models.Index(fields=["-created_at"], name="notification_newest")]

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.id} {self.event}"


class CustomerCursor(models.Model):
    """The newest id of a customer. Its row lock puts the writers of one customer in a row."""

    customer_id = models.CharField(max_length=ID_LENGTH, primary_key=True)
    last_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.customer_id}@{self.last_id}"


class NotificationRecord(models.Model):
    """A notification as managers look at it: a row of a view over `Notification`, which Django's admin takes for a table.

    The admin knows no primary keys of two columns: `key` names both, as in `8c1f6f0e-….17`. PostgreSQL refuses to change
    the type of a column that the view shows, until a migration makes the view anew.
    """

    key = models.TextField(primary_key=True)
    customer_id = models.CharField(max_length=ID_LENGTH)
    number = models.BigIntegerField(help_text="the customer's how many-th notification it is")
    event = models.CharField(max_length=40)
    order_id = models.UUIDField()
    order_number = models.TextField()
    title = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "notification_record"
        verbose_name = "notification"

    def __str__(self) -> str:
        return self.title
