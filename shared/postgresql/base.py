"""The backend: Django's own, but for how a connection that the pool lends is looked at."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Lends no connection that PostgreSQL has closed, and asks PostgreSQL for that only where something lies unread on it.

    The pool's own look is a round trip for each request: 0.07 ms of a service's CPU, and as much of PostgreSQL's.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that works, as far as can be told without a round trip."""
        connection = super().get_new_connection(conn_params)
        while self.pool and not _works(connection):
            self.pool.putconn(connection)  # which replaces what is broken
            connection = super().get_new_connection(conn_params)
        return connection


def has_news(descriptor: int) -> bool:
    """Whether something lies unread on a socket, as its end does."""
    look = select.poll()
    look.register(descriptor, select.POLLIN)
    return bool(look.poll(0))


def _works(connection: "psycopg.Connection[Any]") -> bool:
    if not has_news(connection.fileno()):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
