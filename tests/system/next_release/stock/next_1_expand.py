"""Expand: columns that today's code can write rows without."""

from typing import ClassVar

from django.db import migrations, models

from tests.system.next_release.steps import today


class Migration(migrations.Migration):
    """Both are done as soon as they have the table, however many rows there are."""

    dependencies: ClassVar = [today("stock")]
    operations: ClassVar = [
        migrations.AddField("stockitem", "shelf", models.CharField(max_length=8, null=True)),
        migrations.AlterField(
            "stockitem", "shelf", models.CharField(max_length=8, null=True, db_default="A-1")
        ),
        migrations.AddField("reservation", "is_express", models.BooleanField(db_default=False)),
    ]
