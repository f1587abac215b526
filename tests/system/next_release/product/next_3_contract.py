"""Contract: away with what no running code knows of."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """The index first: it would be kept for a field that is nowhere."""

    dependencies: ClassVar = [("product", "next_2_fill")]
    operations: ClassVar = [
        migrations.RemoveIndex("product", "next_release_origin"),
        migrations.RemoveField("product", "origin"),
    ]
