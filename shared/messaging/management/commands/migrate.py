"""`manage.py migrate`: Django's own, with the time-outs and retries that an open shop needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

# Whoever asks for a table behind a migration waits as long as it does: half of what a request waits for a lock
# (shared.settings.service), and more than the second after which PostgreSQL takes the table from autovacuum.
LOCK_TIMEOUT_MS = 2_000
BUSY = (
    f"A table was in use for longer than {LOCK_TIMEOUT_MS // 1000} s, so the migration gave up before it held up the "
    "shop. What is done is done; run it again when the table is free: pg_stat_activity shows who has it."
)


class Command(migrate.Command):
    """Gives up a lock that it does not get soon; what it then does without holding anybody up may take its time."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, in a session of its own manners."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        try:
            with _considerate(connection):
                super().handle(*args, **options)
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(BUSY) from error
            raise


@contextmanager
def _considerate(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """An index of many rows and a backfill take longer than any request may."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}; SET statement_timeout = 0")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout; RESET statement_timeout")
