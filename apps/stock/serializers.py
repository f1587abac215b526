"""The shapes of stock in the API: what comes in, what goes out."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.stock.models import Kind, Movement, StockItem
from apps.stock.operations import MAX_ON_HAND
from apps.stock.queries import Level
from shared.http.bodies import BodySerializer
from shared.http.fields import ObjectIdField, StrictIntegerField, TextField

MAX_IDS = 100
FOR_MANAGERS = ("on_hand", "reserved", "version")
LAMP = "65f0c0ffee65f0c0ffee65f0"  # which the API's description shows


@extend_schema_serializer(
    component_name="StockLevel",
    examples=[
        OpenApiExample("for anyone", {"product_id": LAMP, "available": 6}, response_only=True),
        OpenApiExample(
            "for a manager",
            {"product_id": LAMP, "available": 6, "on_hand": 10, "reserved": 4, "version": 12},
            response_only=True,
        ),
    ],
)
class StockItemSerializer(serializers.Serializer[StockItem]):
    """How many there are; `on_hand`, `reserved` and `version` are shown to managers only."""

    product_id = serializers.CharField()
    available = serializers.IntegerField(help_text="what can still be ordered")
    on_hand = serializers.IntegerField(required=False)
    reserved = serializers.IntegerField(required=False)
    version = serializers.IntegerField(required=False, help_text="rises with every change")

    def to_representation(self, instance: StockItem | Level) -> dict[str, Any]:
        """What this caller may see."""
        return show_level(instance, is_manager=bool(self.context.get("is_manager")))


def show_level(level: StockItem | Level, *, is_manager: bool) -> dict[str, Any]:
    """A level as the API shows it: by hand, since DRF takes ten times as long."""
    shown: dict[str, Any] = {"product_id": level.product_id, "available": level.available}
    if is_manager:
        shown |= {name: getattr(level, name) for name in FOR_MANAGERS}
    return shown


@extend_schema_serializer(
    component_name="StockOnHand", examples=[OpenApiExample("ten", {"on_hand": 10}, request_only=True)]
)
class OnHandSerializer(BodySerializer[dict[str, int]]):
    """The body of `PUT /api/stock/{product_id}/`."""

    on_hand = StrictIntegerField(min_value=0, max_value=MAX_ON_HAND)


@extend_schema_field(
    {"type": "integer", "minimum": -MAX_ON_HAND, "maximum": MAX_ON_HAND, "not": {"const": 0}}
)
class DeltaField(StrictIntegerField):
    """So many came, or went: not none."""

    default_error_messages: ClassVar = {"zero": "An adjustment by 0 changes nothing."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-MAX_ON_HAND, max_value=MAX_ON_HAND, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        delta = super().to_internal_value(data)
        if delta == 0:
            self.fail("zero")
        return delta


@extend_schema_serializer(
    component_name="StockAdjustment",
    examples=[
        OpenApiExample("two broke", {"delta": -2, "reason": "Broken in the warehouse"}, request_only=True)
    ],
)
class AdjustmentSerializer(BodySerializer[dict[str, Any]]):
    """The body of `POST /api/stock/{product_id}/adjustments/`."""

    delta = DeltaField(help_text="so many more, or fewer")
    reason = TextField(max_length=200)


@extend_schema_serializer(
    component_name="StockMovement",
    examples=[
        OpenApiExample(
            "two broke",
            {
                "id": 4711,
                "product_id": LAMP,
                "kind": "adjustment",
                "delta": -2,
                "on_hand": 8,
                "reason": "Broken in the warehouse",
                "order_id": None,
                "actor": "8c1f6f0e-3a52-4b7e-9a55-0d6a4e2b7c19",
                "created_at": "2026-11-22T17:30:00.000000Z",
            },
            response_only=True,
        )
    ],
)
class MovementSerializer(serializers.ModelSerializer[Movement]):
    """A line of the ledger."""

    kind = serializers.ChoiceField(choices=Kind.choices, read_only=True)
    product_id = serializers.CharField(read_only=True)

    class Meta:
        model = Movement
        fields: ClassVar = [
            "id",
            "product_id",
            "kind",
            "delta",
            "on_hand",
            "reason",
            "order_id",
            "actor",
            "created_at",
        ]
        read_only_fields = fields


class ProductIdsSerializer(serializers.Serializer[dict[str, Any]]):
    """The query of `GET /api/stock/`."""

    product_id = serializers.ListField(
        child=ObjectIdField(),
        max_length=MAX_IDS,
        required=False,
        help_text="repeat it, up to 100 times",
    )
