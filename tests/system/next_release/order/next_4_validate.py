"""Expand: every row is looked at, while others read and write."""

from typing import ClassVar

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """A transaction of its own: the one before has let the table go."""

    dependencies: ClassVar = [("order", "next_3_check")]
    operations: ClassVar = [ValidateConstraint("order", "next_release_has_channel")]
