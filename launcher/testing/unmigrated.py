"""Whether a service's models have changed without a migration: `python -m launcher.testing.unmigrated`.

`makemigrations --check` asks the database what is applied, and a MongoDB that is away ends it. Here nobody is asked.
"""

import django
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder


def has_no_table(self: MigrationRecorder) -> bool:
    """As in a database in which nothing was applied."""
    return False


if __name__ == "__main__":
    django.setup()
    MigrationRecorder.has_table = has_no_table  # type: ignore[method-assign]
    call_command("makemigrations", "--check", "--dry-run")
