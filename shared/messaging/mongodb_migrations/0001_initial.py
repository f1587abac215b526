"""The outbox in MongoDB.

Django's state has every model of the app, so that `makemigrations` finds nothing to add. The database gets
what a service that only sends needs: the outbox with the one index that the relay reads by (a condition on
`sent_at` is beyond MongoDB's partial indexes), and the collection of the relay's lease and the numbering.
They exist before the first transaction: creating a collection inside one makes it conflict.
"""

from typing import Any, ClassVar

import django.utils.timezone
import django_mongodb_backend.fields
from django.db import migrations, models

OUTBOX, STATE = "messaging_outboxmessage", "messaging_state"


def create(apps: Any, schema_editor: Any) -> None:
    """Collections and index. Safe to repeat: MongoDB has no transaction around a migration."""
    database = schema_editor.connection.database
    for name in {OUTBOX, STATE} - set(database.list_collection_names()):
        database.create_collection(name)
    database[OUTBOX].create_index([("sent_at", 1), ("_id", 1)], name="outbox_waiting_or_sent")


def drop(apps: Any, schema_editor: Any) -> None:
    """The way back."""
    for name in (OUTBOX, STATE):
        schema_editor.connection.database[name].drop()


def object_id() -> Any:
    """The primary key of a model without one of its own."""
    return django_mongodb_backend.fields.ObjectIdAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    """As `0001_initial` for PostgreSQL."""

    initial = True
    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create, drop)],
            state_operations=[
                migrations.CreateModel(
                    name="InboxMessage",
                    fields=[
                        ("message_id", models.CharField(max_length=128, primary_key=True, serialize=False)),
                        (
                            "handled_at",
                            models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="OutboxMessage",
                    fields=[
                        ("id", object_id()),
                        ("message_id", models.UUIDField()),
                        ("topic", models.CharField(max_length=100)),
                        ("key", models.CharField(max_length=128)),
                        ("headers", models.JSONField()),
                        ("payload", models.TextField()),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("sent_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(sent_at__isnull=True), fields=["id"], name="outbox_waiting"
                            ),
                            models.Index(
                                condition=models.Q(sent_at__isnull=False),
                                fields=["sent_at"],
                                name="outbox_sent",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ParkedMessage",
                    fields=[
                        ("id", object_id()),
                        ("topic", models.CharField(max_length=100)),
                        ("partition", models.IntegerField()),
                        ("offset", models.BigIntegerField()),
                        ("key", models.BinaryField(null=True)),
                        ("headers", models.JSONField()),
                        ("payload", models.BinaryField()),
                        ("starts", models.PositiveIntegerField(default=0)),
                        ("failures", models.PositiveIntegerField(default=0)),
                        ("error", models.TextField(default="")),
                        ("parked_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "next_try_at",
                            models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("topic", "partition", "offset"), name="parked_once"
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]
