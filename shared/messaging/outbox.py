"""Sending a message: it is written into the business transaction, and the relay carries it to Kafka."""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection, transaction

from shared.contracts import Message
from shared.faults import crash_point
from shared.messaging.envelope import Cause, encode
from shared.messaging.models import OutboxMessage
from shared.messaging.wake_up import wake_here

logger = logging.getLogger(__name__)

CHANNEL = "outbox"  # of PostgreSQL's NOTIFY, in each service's own database

Outgoing = tuple[Message, Cause | None]
Row = dict[str, Any]

INTO = "INSERT INTO messaging_outboxmessage (message_id, topic, key, headers, payload, created_at)"
FIELDS = "message_id uuid, topic text, key text, headers jsonb, payload text"  # of a `row` as JSON
# One parameter for all rows: escaping each value by itself costs four times as much as all the rest.
INSERT = f"""
    {INTO}
    SELECT message_id, topic, key, headers, payload, clock_timestamp()
    FROM ROWS FROM (json_to_recordset(%s::json) AS ({FIELDS})) WITH ORDINALITY
    ORDER BY ordinality
"""  # noqa: S608 - texts of our own


class OutsideTransaction(RuntimeError):
    """A message was published where no transaction could make it one with its effect."""


def publish(*messages: Message, cause: Cause | None = None) -> None:
    """Send `messages` when, and only if, the transaction around this call commits.

    `cause` is the message that is being handled; without one the messages belong to the current request.
    Raises OutsideTransaction.
    """
    publish_all((message, cause) for message in messages)


def publish_all(outgoing: Iterable[Outgoing]) -> None:
    """Send each message because of its own cause, in one round trip to the database."""
    if not in_transaction():
        raise OutsideTransaction(
            "Open a transaction around this operation: its messages must stand or fall with it."
        )
    rows = [row(message, cause) for message, cause in outgoing]
    if rows:
        if not settings.MESSAGING_OUTBOX:
            raise ImproperlyConfigured(
                "Nobody would carry it: let MESSAGING_OUTBOX name this service's outbox."
            )
        _write(rows)
        crash_point("outbox.written")
        written()


def written() -> None:
    """A statement of the caller's own has written messages (`row`, `INTO`, `FIELDS`): wake the relay once it is committed."""
    transaction.on_commit(_committed)


def _committed() -> None:
    crash_point("outbox.committed")
    if _is_mongodb():
        return  # its relay follows a change stream
    if not wake_here():
        _notify()


def _notify() -> None:
    """Wake another process's relay: not in the transaction, whose commit all others would wait for (ADR 0002)."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    except (DatabaseError, InterfaceError) as error:
        # What was decided is committed, so nobody must be told that it failed: the relay looks by itself in a second.
        logger.warning("The relay was not woken: %s", error)


def row(message: Message, cause: Cause | None = None) -> Row:
    """The message as the outbox keeps it."""
    message_id, headers, payload = encode(message, settings.SERVICE_NAME, cause)
    return {
        "message_id": message_id,
        "topic": message.TOPIC.name,
        "key": message.key,
        "headers": headers,
        "payload": payload,
    }


def _write(rows: Sequence[Row]) -> None:
    if _is_mongodb():
        # The import is here since only services on MongoDB have its driver.
        from shared.messaging.mongodb import number

        messages = [OutboxMessage(**row) for row in rows]
        number(messages)
        OutboxMessage.objects.bulk_create(messages)
        return
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(rows)])


def _is_mongodb() -> bool:
    return bool(connection.vendor == "mongodb")


def in_transaction() -> bool:
    """Whether what is written now stands or falls with a transaction."""
    # MongoDB's backend keeps a flag of its own: Django's atomic() does nothing there.
    return bool(connection.in_atomic_block or getattr(connection, "in_atomic_block_mongo", False))
