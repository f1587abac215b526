"""The shapes of sagas and dead letters in the API."""

import base64
from typing import Any, ClassVar

from rest_framework import serializers

from apps.saga.models import STUCK, DeadLetter, Saga, Status, StepStatus


class StepSerializer(serializers.Serializer[dict[str, Any]]):
    """One step of a saga."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=StepStatus.choices)
    attempts = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class HistorySerializer(serializers.Serializer[dict[str, Any]]):
    """One thing that happened to a saga."""

    at = serializers.DateTimeField()
    event = serializers.CharField()
    detail = serializers.CharField()


class SagaSerializer(serializers.ModelSerializer[Saga]):
    """Where an order placement stands."""

    status = serializers.ChoiceField(
        source="shown_status", choices=[*Status.choices, (STUCK, STUCK)], read_only=True
    )
    steps = StepSerializer(many=True, read_only=True)
    history = HistorySerializer(many=True, read_only=True)
    trace_id = serializers.CharField(read_only=True)

    class Meta:
        model = Saga
        fields: ClassVar = ["id", "kind", "order_id", "status", "deadline", "steps", "history", "trace_id"]


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
