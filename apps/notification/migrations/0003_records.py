"""Notifications as a view whose rows have one key, for Django's admin."""

from typing import ClassVar

from django.db import migrations, models

CREATE = """
CREATE VIEW notification_record AS
SELECT customer_id || '.' || id AS key, customer_id, id AS number, event, order_id,
    coalesce(data ->> 'number', '') AS order_number, title, body, created_at, read_at
FROM notification_notification
"""
DROP = "DROP VIEW notification_record"


class Migration(migrations.Migration):
    """Only a view: no row is written, and nothing that old code knows changes."""

    dependencies: ClassVar = [("notification", "0002_newest")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="NotificationRecord",
            fields=[
                ("key", models.TextField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(max_length=64)),
                ("number", models.BigIntegerField(help_text="the customer's how many-th notification it is")),
                ("event", models.CharField(max_length=40)),
                ("order_id", models.UUIDField()),
                ("order_number", models.TextField()),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("read_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "notification_record", "managed": False, "verbose_name": "notification"},
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
