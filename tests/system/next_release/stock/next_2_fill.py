"""Expand: an index that nobody waits for, and what the rows of before have in the new column."""

from typing import Any, ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from tests.system.next_release.steps import fill


def fill_shelf(apps: Any, schema_editor: Any) -> None:
    """Whatever today's code has written until the column had its default."""
    fill(apps.get_model("stock", "StockItem"), shelf="A-1")


class Migration(migrations.Migration):
    """No transaction around it: each batch is one."""

    atomic = False
    dependencies: ClassVar = [("stock", "next_1_expand")]
    operations: ClassVar = [
        AddIndexConcurrently(
            "stockitem", models.Index(fields=["shelf", "product_id"], name="next_release_shelf")
        ),
        migrations.RunPython(fill_shelf, migrations.RunPython.noop),
    ]
