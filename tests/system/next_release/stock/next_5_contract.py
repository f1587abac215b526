"""Contract: away with what no running code knows of."""

from typing import ClassVar

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """No transaction around it: each operation lets the table go."""

    atomic = False
    dependencies: ClassVar = [("stock", "next_4_validate")]
    operations: ClassVar = [
        migrations.RemoveConstraint("stockitem", "next_release_has_shelf"),
        RemoveIndexConcurrently("stockitem", "next_release_shelf"),
        migrations.RemoveField("stockitem", "shelf"),
        migrations.RemoveField("reservation", "is_express"),
    ]
