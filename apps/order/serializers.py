"""The shapes of an order in the API: what comes in, what goes out."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.order.models import Order, OrderLine, Status
from shared.http.fields import MoneyField, StrictIntegerField, TextField

MAX_LINES = 100


class AddressSerializer(serializers.Serializer[dict[str, str]]):
    """Where the order goes."""

    name = TextField(max_length=100)
    line1 = TextField(max_length=200)
    line2 = TextField(max_length=200, required=False, allow_blank=True)
    city = TextField(max_length=100)
    postal_code = TextField(max_length=20)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", help_text="ISO 3166-1 alpha-2, such as DE")


class ItemSerializer(serializers.Serializer[dict[str, Any]]):
    """So many of one product."""

    product_id = serializers.RegexField(r"^[0-9a-f]{24}\Z")
    quantity = StrictIntegerField(min_value=1, max_value=999)


class PlaceOrderSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of `POST /api/orders/`."""

    shipping_address = AddressSerializer()
    items = ItemSerializer(many=True, required=False, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]  # of the list
    expected_total = MoneyField(required=False)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One line for each product."""
        ids = [item["product_id"] for item in items]
        doubled = {product_id for product_id in ids if ids.count(product_id) > 1}
        if doubled:
            raise serializers.ValidationError(
                f"These products stand there twice: {', '.join(sorted(doubled))}.", "duplicate"
            )
        return items


class CancelSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of `POST /api/orders/{id}/cancel/`."""

    reason = TextField(max_length=500, required=False, allow_blank=True, default="")


class LineSerializer(serializers.ModelSerializer[OrderLine]):
    """A line as it was bought."""

    line_total = MoneyField(read_only=True)

    class Meta:
        model = OrderLine
        fields: ClassVar = ["product_id", "name", "unit_price", "quantity", "line_total"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order."""

    number = serializers.CharField(read_only=True)
    items = LineSerializer(source="bought", many=True, read_only=True)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)

    class Meta:
        model = Order
        fields: ClassVar = [
            "id",
            "number",
            "customer_id",
            "status",
            "status_reason",
            "items",
            "total",
            "currency",
            "shipping_address",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


def first_answer(order: Order) -> dict[str, Any]:
    """The order as its `POST` answered: everything but these three fields never changes."""
    as_submitted = {"status": Status.SUBMITTED.value, "status_reason": ""}
    shown = dict(OrderSerializer(order).data)
    return {**shown, **as_submitted, "updated_at": shown["created_at"]}
