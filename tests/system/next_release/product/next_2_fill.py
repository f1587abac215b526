"""Expand: what the products of before have in the new field."""

from typing import Any, ClassVar

from django.db import migrations

from tests.system.next_release.steps import BATCH


def fill_origin(apps: Any, schema_editor: Any) -> None:
    """Today's code writes products without it meanwhile: the next release has to live with that, or fill again."""
    products = apps.get_model("product", "Product").objects
    while some := list(products.filter(origin__isnull=True).values_list("pk", flat=True)[:BATCH]):
        products.filter(pk__in=some).update(origin="DE")


class Migration(migrations.Migration):
    """A few at a time."""

    dependencies: ClassVar = [("product", "next_1_expand")]
    operations: ClassVar = [migrations.RunPython(fill_origin, migrations.RunPython.noop)]
