"""The outbox of a service on PostgreSQL: woken by NOTIFY, guarded by an advisory lock, on one connection."""

from collections.abc import Hashable, Sequence
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import class_row

from shared.messaging.outbox import CHANNEL
from shared.messaging.purge import KEEP_IDS, KEEP_SENT, PIECE
from shared.messaging.relay import OutboxRow, SourceAway

LOCK = 0x6F7574626F78  # "outbox": one active relay per database

TAKE = """
    SELECT id, topic, key, headers, payload FROM messaging_outboxmessage
    WHERE sent_at IS NULL ORDER BY id LIMIT %s
"""
PURGE_SENT = """
    DELETE FROM messaging_outboxmessage WHERE id IN (
        SELECT id FROM messaging_outboxmessage WHERE sent_at < now() - %s LIMIT %s)
"""
PURGE_IDS = """
    DELETE FROM messaging_inboxmessage WHERE message_id IN (
        SELECT message_id FROM messaging_inboxmessage WHERE handled_at < now() - %s LIMIT %s)
"""
MARK = "UPDATE messaging_outboxmessage SET sent_at = clock_timestamp() WHERE id = ANY(%s)"


class PostgresOutbox:
    """An `OutboxSource`. The lock lives as long as its connection: a relay that dies gives it up.

    What it commits need not be on the disk: a mark that a crash of PostgreSQL takes back is a message that is sent again
    with its id. What it reads was committed by others, who waited for the disk.
    """

    def __init__(self) -> None:
        self._conn: psycopg.Connection[Any] | None = None
        self._locked = False

    def acquire(self) -> bool:
        """Take the advisory lock if it is free."""
        if not self._locked:
            self._locked = bool(self._execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0])
        return self._locked

    def take(self, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows without `sent_at`."""
        try:
            with self._connected().cursor(row_factory=class_row(OutboxRow)) as cursor:
                return cursor.execute(TAKE, [limit]).fetchall()
        except psycopg.Error as error:
            raise SourceAway(str(error)) from error

    def mark_sent(self, ids: Sequence[Hashable]) -> None:
        """Set `sent_at`."""
        if ids:
            self._execute(MARK, [list(ids)])

    def wait(self, seconds: float) -> None:
        """Until a NOTIFY comes. One that came since the last look is already waiting here."""
        try:
            # All that came, and not the first alone: each of the others would be a look at the outbox for nothing.
            list(self._connected().notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            raise SourceAway(str(error)) from error

    def purge(self) -> bool:
        """A piece of the sent messages, and one of the handled ids, that nobody can ask for any more."""
        purges = ((PURGE_SENT, KEEP_SENT), (PURGE_IDS, KEEP_IDS))
        counts = [self._execute(query, [age, PIECE]).rowcount for query, age in purges]
        return PIECE in counts

    def reconnect(self) -> None:
        """Close what is left."""
        conn, self._conn, self._locked = self._conn, None, False
        if conn is not None:
            conn.close()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._conn is None:
            params = {
                k: v
                for k, v in connection.get_connection_params().items()
                if k not in {"cursor_factory", "context", "prepare_threshold"}
            }
            self._conn = psycopg.connect(
                **{**params, "autocommit": True, "application_name": "microcommerce-relay"}
            )
            self._conn.execute("SET synchronous_commit = off")
            self._conn.execute(f"LISTEN {CHANNEL}")
        return self._conn

    def _execute(self, query: str, params: list[Any]) -> Any:
        try:
            return self._connected().execute(query, params)
        except psycopg.Error as error:
            raise SourceAway(str(error)) from error
