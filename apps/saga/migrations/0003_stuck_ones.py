"""Stuck sagas are found by an index: a list for managers begins with them."""

from typing import ClassVar

from django.db import migrations, models

from shared.messaging.indexes import AddIndexAgain


class Migration(migrations.Migration):
    """Nobody waits for the index."""

    atomic = False
    dependencies: ClassVar = [("saga", "0002_backoff_and_version")]
    operations: ClassVar = [
        AddIndexAgain(
            "saga",
            models.Index(
                fields=["-created_at", "-id"], name="saga_stuck", condition=models.Q(is_stuck=True)
            ),
        ),
    ]
