"""The shape of a notification, over HTTP and over the WebSocket."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from apps.notification.models import Notification


@extend_schema_field({"type": "object", "additionalProperties": True})
class DataField(serializers.JSONField):
    """What programs may want to know; each event has its own members."""


@extend_schema_serializer(
    component_name="Notification",
    examples=[
        OpenApiExample(
            "confirmed",
            {
                "id": 17,
                "event": "order.confirmed",
                "order_id": "0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b",
                "title": "Your order is confirmed",
                "body": "We have everything you ordered and will send it to you.",
                "data": {"total": "99.80", "currency": "EUR"},
                "created_at": "2026-11-22T17:30:01.000000Z",
                "read_at": None,
            },
            response_only=True,
        )
    ],
)
class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """A notification as its owner sees it."""

    data = DataField(read_only=True)  # type: ignore[assignment]  # the contract calls it so, as DRF calls another thing

    class Meta:
        model = Notification
        fields: ClassVar = ["id", "event", "order_id", "title", "body", "data", "created_at", "read_at"]
        read_only_fields = fields


class AfterSerializer(serializers.Serializer[None]):
    """The query of the list, as its page offers it."""

    after = serializers.IntegerField(
        required=False, min_value=0, help_text="Only what came after the notification with this id."
    )


ENCODER = JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def live_message(row: Notification) -> str:
    """The text of a WebSocket message (docs/live-notifications.md)."""
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
