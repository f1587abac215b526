"""Each item knows whether its product is sold, and each refusal which products were not."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on beside it: what it does not write has a default in the database, or may be null."""

    dependencies: ClassVar = [("stock", "0002_movements_stay")]
    operations: ClassVar = [
        migrations.AddField("stockitem", "is_active", models.BooleanField(db_default=True, default=True)),
        migrations.AddField(
            "stockitem", "product_version", models.BigIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "reservation",
            "unavailable",
            models.JSONField(
                help_text="ids of what was not sold any more when it was rejected; null in older rows", null=True
            ),
        ),
        migrations.AlterField(
            "reservation",
            "shortages",
            models.JSONField(
                default=list, help_text="of what there was too little when it was rejected"
            ),
        ),
    ]
