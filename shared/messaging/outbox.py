"""Sending a message: it is written into the business transaction, and the relay carries it to Kafka."""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection

from shared.contracts import Message
from shared.messaging.envelope import Cause, encode
from shared.messaging.models import OutboxMessage

Outgoing = tuple[Message, Cause | None]


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
    if not _in_transaction():
        raise OutsideTransaction(
            "Open a transaction around this operation: its messages must stand or fall with it."
        )
    rows = [_row(message, cause) for message, cause in outgoing]
    if rows and connection.vendor == "mongodb":
        # PostgreSQL counts by itself. The import is here since only services on MongoDB have its driver.
        from shared.messaging.mongodb import number

        number(rows)
    OutboxMessage.objects.bulk_create(rows)


def _row(message: Message, cause: Cause | None) -> OutboxMessage:
    message_id, headers, payload = encode(message, settings.SERVICE_NAME, cause)
    return OutboxMessage(
        message_id=message_id, topic=message.TOPIC.name, key=message.key, headers=headers, payload=payload
    )


def _in_transaction() -> bool:
    # MongoDB's backend keeps a flag of its own: Django's atomic() does nothing there.
    return bool(connection.in_atomic_block or getattr(connection, "in_atomic_block_mongo", False))
