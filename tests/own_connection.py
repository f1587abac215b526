"""How a test's threads wait for each other in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections


@contextmanager
def own_connection() -> Iterator[None]:
    """A thread's own connection, closed at the end, on which each statement may wait a minute for its turn.

    A service gives up after seconds, and a stall of the machine would do that to a test. A deadlock surfaces all the same.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '60s'; SET statement_timeout = '60s'")
        yield
    finally:
        connections.close_all()
