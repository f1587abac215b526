"""The shape of a notification, over HTTP and over the WebSocket."""

from typing import ClassVar

from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from apps.notification.models import Notification


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """A notification as its owner sees it."""

    class Meta:
        model = Notification
        fields: ClassVar = ["id", "event", "order_id", "title", "body", "data", "created_at", "read_at"]
        read_only_fields = fields


ENCODER = JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def live_message(row: Notification) -> str:
    """The text of a WebSocket message, as contract.md section 4 fixes it."""
    return ENCODER.encode(
        {
            "id": row.id,
            "event": row.event,
            "order_id": row.order_id,
            "title": row.title,
            "body": row.body,
            "data": row.data,
            "created_at": row.created_at,
        }
    )
