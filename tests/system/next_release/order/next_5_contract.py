"""Contract: away with what no running code knows of."""

from typing import ClassVar

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """No transaction around it: each operation lets the table go."""

    atomic = False
    dependencies: ClassVar = [("order", "next_4_validate")]
    operations: ClassVar = [
        migrations.RemoveConstraint("order", "next_release_has_channel"),
        RemoveIndexConcurrently("order", "next_release_channel"),
        migrations.RemoveField("order", "channel"),
        migrations.RemoveField("orderline", "is_gift"),
    ]
