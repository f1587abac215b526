"""Each line says which version of its product the price is of."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Null in the lines that are there, and in those that old code writes meanwhile."""

    dependencies: ClassVar = [("order", "0001_initial")]
    operations: ClassVar = [
        migrations.AddField("orderline", "product_version", models.BigIntegerField(null=True)),
    ]
