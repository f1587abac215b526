"""Dead letters that wait for somebody are found by an index: their list and their number."""

from typing import ClassVar

from django.db import migrations, models

from shared.messaging.indexes import AddIndexAgain


class Migration(migrations.Migration):
    """Nobody waits for the index."""

    atomic = False
    dependencies: ClassVar = [("saga", "0003_stuck_ones")]
    operations: ClassVar = [
        AddIndexAgain(
            "deadletter",
            models.Index(
                fields=["-id"], name="dead_letter_waiting", condition=models.Q(status="waiting")
            ),
        ),
    ]
