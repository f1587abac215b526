"""What travels through the channel layer, and nothing else knows how: one group that every API process hears.

One group and not one for each customer: a consumer's batch is one PUBLISH instead of one for each of its
customers, opening a socket costs Redis nothing, and a Redis that comes back has one subscription a process to
restore. Every process hears everything and drops what concerns none of its sockets, which costs it
microseconds.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from channels.layers import get_channel_layer

from apps.notification.models import Notification
from apps.notification.serializers import live_message

GROUP = "live"
TYPE = "notifications.told"


class LiveMessage(NamedTuple):
    """A notification as it goes out: whose, which, and the text that a socket sends without another look."""

    customer_id: str
    id: int
    text: str


def channel_layer() -> Any:
    """The channel layer of the settings (Redis)."""
    return get_channel_layer()


def pack(told: Sequence[Notification]) -> dict[str, Any]:
    """The channel message that announces `told` to every API process."""
    return {"type": TYPE, "news": [[row.customer_id, row.id, live_message(row)] for row in told]}


def unpack(message: dict[str, Any]) -> Iterator[LiveMessage]:
    """The announcements in a channel message of `pack`."""
    return (LiveMessage(*item) for item in message["news"])
