"""Expand: an index that nobody waits for, and what the rows of before have in the new column."""

from typing import Any, ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from tests.system.next_release.steps import fill


def fill_channel(apps: Any, schema_editor: Any) -> None:
    """Whatever today's code has written until the column had its default."""
    fill(apps.get_model("order", "Order"), channel="web")


class Migration(migrations.Migration):
    """No transaction around it: each batch is one."""

    atomic = False
    dependencies: ClassVar = [("order", "next_1_expand")]
    operations: ClassVar = [
        AddIndexConcurrently(
            "order", models.Index(fields=["channel", "-created_at"], name="next_release_channel")
        ),
        migrations.RunPython(fill_channel, migrations.RunPython.noop),
    ]
