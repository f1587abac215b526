"""The shapes of sagas and dead letters in the API."""

import base64
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.saga.models import SHOWN, DeadLetter, Saga, StepStatus

# What the API's description shows
SAGA = {
    "id": "5f0c3c1e-7f3a-4d2b-9e8f-1c2d3a4b0193",
    "kind": "order-placement",
    "order_id": "0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b",
    "status": "running",
    "deadline": "2026-11-22T17:30:10.000000Z",
    "steps": [
        {
            "name": "reserve-stock",
            "status": "running",
            "attempts": 1,
            "started_at": "2026-11-22T17:30:00.000Z",
            "finished_at": None,
            "error": None,
        }
    ],
    "history": [{"at": "2026-11-22T17:30:00.000Z", "event": "order.submitted", "detail": ""}],
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}


@extend_schema_serializer(component_name="SagaStep")
class StepSerializer(serializers.Serializer[dict[str, Any]]):
    """One step of a saga."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=StepStatus.choices)
    attempts = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="SagaHistory")
class HistorySerializer(serializers.Serializer[dict[str, Any]]):
    """One thing that happened to a saga."""

    at = serializers.DateTimeField()
    event = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)


@extend_schema_serializer(
    component_name="Saga", examples=[OpenApiExample("at its first step", SAGA, response_only=True)]
)
class SagaSerializer(serializers.ModelSerializer[Saga]):
    """Where an order placement stands."""

    status = serializers.ChoiceField(source="shown_status", choices=SHOWN, read_only=True)
    steps = StepSerializer(many=True, read_only=True)
    history = HistorySerializer(many=True, read_only=True)
    trace_id = serializers.CharField(read_only=True)

    class Meta:
        model = Saga
        fields: ClassVar = ["id", "kind", "order_id", "status", "deadline", "steps", "history", "trace_id"]
        read_only_fields = fields


class DeadLetterSerializer(serializers.ModelSerializer[DeadLetter]):
    """A message that a consumer gave up on; key, headers and payload as text where they are text."""

    key = serializers.SerializerMethodField()
    headers = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()

    class Meta:
        model = DeadLetter
        fields: ClassVar = [
            "id", "topic", "partition", "offset", "key", "headers", "payload", "error", "attempts", "service",
            "status", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_key(self, letter: DeadLetter) -> str | None:
        """The aggregate's id, as it was sent."""
        return None if letter.key is None else text(bytes(letter.key))

    def get_headers(self, letter: DeadLetter) -> dict[str, str | None]:
        """Header by name; of a doubled one the last."""
        return {
            name: None if value is None else text(base64.b64decode(value)) for name, value in letter.headers
        }

    def get_payload(self, letter: DeadLetter) -> str:
        """The body, cut where it is long."""
        return text(bytes(letter.payload)[:20_000])


def text(value: bytes) -> str:
    """Bytes for the eye: UTF-8, and what is not is marked."""
    return value.decode("utf-8", "replace")
