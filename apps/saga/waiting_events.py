"""Events that were written down because their saga could not be moved at once: a worker finds them here."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from shared.contracts.message import AboutOrder
from shared.messaging.envelope import Received


class UnknownSaga(Exception):
    """An event names an order that no saga is about."""


# One parameter for all rows, and no look for their sagas before: an event of none is not among what comes back.
STORE = """
    INSERT INTO saga_sagaevent (order_id, message_id, type, data, traceparent, received_at)
    SELECT event.order_id, message_id, type, data, event.traceparent, clock_timestamp()
    FROM ROWS FROM (json_to_recordset(%s::json) AS
        (order_id uuid, message_id text, type text, data jsonb, traceparent text)) WITH ORDINALITY AS event
    JOIN saga_saga AS saga ON saga.order_id = event.order_id
    ORDER BY ordinality
    RETURNING order_id
"""


def store(batch: Sequence[Received[AboutOrder]]) -> None:
    """Write events down in their order, for whoever moves their sagas next; raises UnknownSaga."""
    with connection.cursor() as cursor:
        cursor.execute(STORE, [json.dumps([_event(received) for received in batch])])
        stored = {row[0] for row in cursor.fetchall()}
    missing = {received.message.order_id for received in batch} - stored
    if missing:
        raise UnknownSaga(f"No saga is about order {', '.join(str(order_id) for order_id in missing)}.")


def _event(received: Received[AboutOrder]) -> dict[str, Any]:
    return {
        "order_id": str(received.message.order_id),
        "message_id": received.id,
        "type": received.message.TYPE,
        "data": received.message.model_dump(mode="json", exclude_none=True),
        "traceparent": received.traceparent or "",
    }
