"""Expand: columns that today's code can write rows without."""

from typing import ClassVar

from django.db import migrations, models

from tests.system.next_release.steps import today


class Migration(migrations.Migration):
    """Both are done as soon as they have the table, however many rows there are."""

    dependencies: ClassVar = [today("order")]
    operations: ClassVar = [
        migrations.AddField("order", "channel", models.CharField(max_length=16, null=True)),
        migrations.AlterField(
            "order", "channel", models.CharField(max_length=16, null=True, db_default="web")
        ),
        migrations.AddField("orderline", "is_gift", models.BooleanField(db_default=False)),
    ]
