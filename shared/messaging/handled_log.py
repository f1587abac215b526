"""One line for each message that was handled: which, about which order, in which trace, and how long it took.

So one trace id finds an order's way through every service (`manage_all.py logs --trace`).
"""

from collections.abc import Callable, Sequence
from functools import cache

from django.conf import settings

from shared.contracts import Message
from shared.messaging.envelope import Received
from shared.telemetry import access, trace


def log_handled(messages: Sequence[Received[Message]], seconds: float) -> None:
    """Write the lines of `messages`, which one transaction of so many `seconds` has handled."""
    for message in messages:
        _writer()(_fields(message, len(messages), seconds))


@cache
def _writer() -> Callable[[access.Fields], None]:
    return access.writer(
        settings.SERVICE_NAME,
        as_json=settings.ENVIRONMENT.log_format == "json",
        event="message handled",
        logger=__name__,
    )


def _fields(received: Received[Message], together: int, seconds: float) -> access.Fields:
    fields: access.Fields = {
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
