"""One line for each message that was handled: which, about which order, in which trace, and how long it took.

So one trace id finds an order's way through every service (`manage_all.py logs --trace`).
"""

import logging
from collections.abc import Sequence

from shared.contracts import Message
from shared.messaging.envelope import Received
from shared.telemetry import trace

logger = logging.getLogger(__name__)


def say_handled(messages: Sequence[Received[Message]], seconds: float) -> None:
    """Write the lines of `messages`, which one transaction of so many `seconds` has handled."""
    if logger.isEnabledFor(logging.INFO):
        for message in messages:
            logger.info("message handled", extra=_fields(message, len(messages), seconds))


def _fields(received: Received[Message], together: int, seconds: float) -> dict[str, object]:
    fields: dict[str, object] = {
        "message_type": received.message.TYPE,
        "message_id": received.id,
        "duration_ms": round(seconds * 1000, 1),
    }
    order_id = getattr(received.message, "order_id", None)
    fields |= {"key": received.key} if order_id is None else {"order_id": str(order_id)}
    if hop := trace.parse(received.traceparent):
        fields["trace_id"] = hop.trace_id
    if together > 1:
        fields["batch"] = together
    return fields
