"""What several categories are called in the back office; nothing changes in the database."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """A word."""

    dependencies: ClassVar = [("product", "0002_names_as_people_sort")]
    operations: ClassVar = [
        migrations.AlterModelOptions(name="category", options={"verbose_name_plural": "categories"})
    ]
