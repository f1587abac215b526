"""The newest notifications of everybody are found by an index, for managers."""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Nobody waits for the index."""

    atomic = False
    dependencies: ClassVar = [("notification", "0001_initial")]
    operations: ClassVar = [
        AddIndexConcurrently(
            "notification", models.Index(fields=["-created_at"], name="notification_newest")
        ),
    ]
