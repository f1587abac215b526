"""Orders that an earlier release rejected hold the version of their basket no longer: it can be ordered again.

Of cancelled orders nobody knows any more whether they were confirmed once: they keep what they hold.
"""

from typing import Any, ClassVar

from django.db import migrations

BATCH = 1000


def free_baskets(apps: Any, schema_editor: Any) -> None:
    """A few rows at a time, each batch a transaction of its own: nobody who orders waits for it."""
    holding = apps.get_model("order", "Order").objects.filter(status="rejected", basket_version__isnull=False)
    while ids := list(holding.values_list("pk", flat=True)[:BATCH]):
        holding.filter(pk__in=ids).update(basket_version=None)


class Migration(migrations.Migration):
    """Only data."""

    atomic = False
    dependencies: ClassVar = [("order", "0002_quoted_version")]
    operations: ClassVar = [migrations.RunPython(free_baskets, migrations.RunPython.noop)]
