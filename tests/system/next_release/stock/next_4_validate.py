"""Expand: every row is looked at, while others read and write."""

from typing import ClassVar

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """A transaction of its own: the one before has let the table go."""

    dependencies: ClassVar = [("stock", "next_3_check")]
    operations: ClassVar = [ValidateConstraint("stockitem", "next_release_has_shelf")]
