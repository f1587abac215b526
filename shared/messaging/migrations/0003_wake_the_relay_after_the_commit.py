"""The outbox wakes the relay by itself, after the commit: a NOTIFY inside takes a lock of the whole server (ADR 0002)."""

from importlib import import_module
from typing import ClassVar

from django.db import migrations

earlier = import_module("shared.messaging.migrations.0002_wake_the_relay")


class Migration(migrations.Migration):
    """Where a process of the release before still writes, its messages leave with the relay's look, within a second."""

    dependencies: ClassVar = [("messaging", "0002_wake_the_relay")]
    operations: ClassVar = [migrations.RunSQL(earlier.DROP, earlier.CREATE)]
