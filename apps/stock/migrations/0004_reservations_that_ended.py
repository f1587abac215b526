"""What came to nothing long ago is found by an index, to be forgotten."""

from typing import ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Nobody waits for the index."""

    atomic = False
    dependencies: ClassVar = [("stock", "0003_what_the_catalogue_says")]
    operations: ClassVar = [
        AddIndexConcurrently(
            "reservation",
            models.Index(
                condition=models.Q(
                    ("state__in", ("released", "expired", "rejected")), models.Q(("reason", "restocked"), _negated=True)
                ),
                fields=["updated_at"],
                name="stock_reservation_ended",
            ),
        ),
    ]
