"""The outbox of a service on PostgreSQL: guarded by an advisory lock, on one connection.

It is woken by NOTIFY, and by its own process without one (`shared.messaging.wake_up`).
"""

import select
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import class_row

from shared.messaging.outbox import CHANNEL
from shared.messaging.purge import KEEP_IDS, KEEP_SENT, PIECE
from shared.messaging.relay import OutboxRow, SourceAway
from shared.messaging.wake_up import WakeUp, activate, deactivate

LOCK = 0x6F7574626F78  # "outbox": one active relay per database
# Seconds that a mark waits for the next message, whose look it then shares. As long as that a relay that is killed may
# leave sent messages without their mark, which are sent again with their ids.
MARK_WAIT = 0.05

TAKE = """
    SELECT id, topic, key, headers, payload FROM messaging_outboxmessage
    WHERE sent_at IS NULL ORDER BY id LIMIT %s
"""
# One round trip for both: what is being marked still looks unsent in the same statement, so it is left out by its id.
MARK_AND_TAKE = """
    WITH marked AS (UPDATE messaging_outboxmessage SET sent_at = clock_timestamp() WHERE id = ANY(%s::bigint[]))
    SELECT id, topic, key, headers, payload FROM messaging_outboxmessage
    WHERE sent_at IS NULL AND id <> ALL(%s::bigint[]) ORDER BY id LIMIT %s
"""
PURGE_SENT = """
    DELETE FROM messaging_outboxmessage WHERE id IN (
        SELECT id FROM messaging_outboxmessage WHERE sent_at < now() - %s LIMIT %s)
"""
PURGE_IDS = """
    DELETE FROM messaging_inboxmessage WHERE message_id IN (
        SELECT message_id FROM messaging_inboxmessage WHERE handled_at < now() - %s LIMIT %s)
"""


class PostgresOutbox:
    """An `OutboxSource`. The lock lives as long as its connection: a relay that dies gives it up.

    What it commits need not be on the disk: a mark that a crash of PostgreSQL takes back is a message that is sent again
    with its id. What it reads was committed by others, who waited for the disk.
    """

    def __init__(self) -> None:
        self._conn: psycopg.Connection[Any] | None = None
        self._locked = False
        self._notified = False  # since the last look began
        self._wake_up = WakeUp()

    def acquire(self) -> bool:
        """Take the advisory lock if it is free; who has it hears of what is written, here and elsewhere."""
        if not self._locked and self._execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0]:
            self._execute(f"LISTEN {CHANNEL}")
            activate(self._wake_up)
            self._locked = True
        return self._locked

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> Sequence[OutboxRow]:
        """The oldest rows without `sent_at`; `sent` get theirs in the same round trip, for which they wait a moment."""
        ids = list(sent)
        if 0 < len(ids) < limit:  # as many as that, and there are more
            self.wait(MARK_WAIT)
        query, params = (MARK_AND_TAKE, [ids, ids, limit]) if ids else (TAKE, [limit])
        with _away(), self._connected().cursor(row_factory=class_row(OutboxRow)) as cursor:
            # Before the look, which finds whatever was committed until it begins: who says so later is heard by `wait`.
            self._read_notifies(cursor.connection)
            self._notified = False
            self._wake_up.clear()
            return cursor.execute(query, params).fetchall()

    def wait(self, seconds: float) -> None:
        """Until a NOTIFY comes, or this process says that it has committed something."""
        if self._notified:
            return
        with _away():
            conn = self._connected()
            look = select.poll()
            look.register(conn.fileno(), select.POLLIN)
            look.register(self._wake_up, select.POLLIN)
            if any(descriptor == conn.fileno() for descriptor, _ in look.poll(1000 * seconds)):
                self._read_notifies(conn)

    def wake(self) -> None:
        """Have `wait` return at once."""
        self._wake_up.set()

    def purge(self) -> bool:
        """A piece of the sent messages, and one of the handled ids, that nobody can ask for any more."""
        purges = ((PURGE_SENT, KEEP_SENT), (PURGE_IDS, KEEP_IDS))
        counts = [self._execute(query, [age, PIECE]).rowcount for query, age in purges]
        return PIECE in counts

    def reconnect(self) -> None:
        """Close what is left."""
        deactivate(self._wake_up)
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
            self._conn.add_notify_handler(self._note)  # of one that comes with the answer to something else
        return self._conn

    def _note(self, _: psycopg.Notify) -> None:
        self._notified = True

    def _read_notifies(self, conn: "psycopg.Connection[Any]") -> None:
        """All that came, and not the first alone: each of the others would be a look at the outbox for nothing."""
        conn.pgconn.consume_input()  # or the end of the connection
        while conn.pgconn.notifies():
            self._notified = True

    def _execute(self, query: str, params: list[Any] | None = None) -> Any:
        with _away():
            return self._connected().execute(query, params)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise SourceAway(str(error)) from error
