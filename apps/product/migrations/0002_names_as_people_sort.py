"""Sort keys of names, and search words in which signs count: filled for what is there already."""

from typing import Any

from django.db import migrations, models

from apps.product.indexing import fill


def fill_catalogue(_: Any, schema_editor: Any) -> None:
    """Every document; may be ended and run again."""
    fill(schema_editor.connection.database)


class Migration(migrations.Migration):
    dependencies = [("product", "0001_initial")]

    operations = [
        migrations.AddField(
            "category", "name_key", models.CharField(default="", editable=False, max_length=3600)
        ),
        migrations.AddField(
            "product", "name_key", models.CharField(default="", editable=False, max_length=3600)
        ),
        migrations.RunPython(fill_catalogue, migrations.RunPython.noop),
        migrations.AddIndex(
            "category", models.Index(fields=["name_key", "id"], name="category_by_key")
        ),
        migrations.AddIndex(
            "product", models.Index(fields=["is_active", "name_key", "id"], name="product_by_key")
        ),
        migrations.AddIndex(
            "product",
            models.Index(
                fields=["categories", "is_active", "name_key", "id"], name="product_in_category_by_key"
            ),
        ),
    ]
