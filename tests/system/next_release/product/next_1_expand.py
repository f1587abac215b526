"""Expand: a field that today's code can write products without, and an index on it."""

from typing import ClassVar

from django.db import migrations, models

from tests.system.next_release.steps import today


class Migration(migrations.Migration):
    """MongoDB builds an index beside those who write."""

    dependencies: ClassVar = [today("product")]
    operations: ClassVar = [
        migrations.AddField("product", "origin", models.CharField(max_length=2, null=True)),
        migrations.AddIndex("product", models.Index(fields=["origin", "id"], name="next_release_origin")),
    ]
