"""Each item knows what its product is called, for people who count."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on beside it: the rows that it writes have no name, until the catalogue tells of their product again."""

    dependencies: ClassVar = [("stock", "0004_reservations_that_ended")]
    operations: ClassVar = [
        migrations.AddField(
            "stockitem", "name", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
    ]
