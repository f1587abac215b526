"""The shapes of an order in the API: what comes in, what goes out."""

import json
from collections import Counter
from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from apps.order.identifiers import order_number
from apps.order.models import Order, OrderLine, Status
from apps.order.queries import ADDRESS_FIELDS, Row
from shared.contracts.message import LONGEST_REASON
from shared.contracts.names import with_names
from shared.http.bodies import BodySerializer
from shared.http.fields import MoneyField, ObjectIdField, StrictIntegerField, TextField

MAX_LINES = 100
DOUBLED = "This product stands there twice: make it one line."

# What the API's description shows
ADDRESS = {
    "name": "Alice Example",
    "line1": "Main Street 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
LAMP = {"product_id": "65f0c0ffee65f0c0ffee65f0", "quantity": 2}
PLACED = {
    "id": "0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b",
    "number": "MC-7K3F9-Q2XB4",
    "customer_id": "8c1f6f0e-3a52-4b7e-9a55-0d6a4e2b7c19",
    "status": "submitted",
    "status_reason": "",
    "items": [{**LAMP, "name": "Desk lamp", "unit_price": "49.90", "line_total": "99.80"}],
    "total": "99.80",
    "currency": "EUR",
    "shipping_address": ADDRESS,
    "created_at": "2026-11-22T17:30:00.000000Z",
    "updated_at": "2026-11-22T17:30:00.000000Z",
}


@extend_schema_serializer(component_name="ShippingAddress")
class AddressSerializer(BodySerializer[dict[str, str]]):
    """Where the order goes."""

    name = TextField(max_length=100)
    line1 = TextField(max_length=200)
    line2 = TextField(max_length=200, required=False, allow_blank=True)
    city = TextField(max_length=100)
    postal_code = TextField(max_length=20)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", help_text="ISO 3166-1 alpha-2, such as DE")


@extend_schema_serializer(component_name="OrderItem")
class ItemSerializer(BodySerializer[dict[str, Any]]):
    """So many of one product."""

    product_id = ObjectIdField()
    quantity = StrictIntegerField(min_value=1, max_value=999)


@extend_schema_serializer(
    component_name="OrderPlacement",
    examples=[
        OpenApiExample("what is in the basket", {"shipping_address": ADDRESS}, request_only=True),
        OpenApiExample(
            "these products, at this total",
            {"shipping_address": ADDRESS, "items": [LAMP], "expected_total": "99.80"},
            request_only=True,
        ),
    ],
)
class PlaceOrderSerializer(BodySerializer[dict[str, Any]]):
    """The body of `POST /api/orders/`."""

    shipping_address = AddressSerializer()
    items = ItemSerializer(many=True, required=False, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]  # of the list
    expected_total = MoneyField(required=False)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One line for each product; every line that repeats another is named by its place."""
        counts = Counter(item["product_id"] for item in items)
        doubled = {
            str(place): {"product_id": [ErrorDetail(DOUBLED, "duplicate")]}
            for place, item in enumerate(items)
            if counts[item["product_id"]] > 1
        }
        if doubled:
            raise serializers.ValidationError(doubled)
        return items


@extend_schema_serializer(
    component_name="OrderCancellation",
    examples=[OpenApiExample("with a reason", {"reason": "Found a nicer one."}, request_only=True)],
)
class CancelSerializer(BodySerializer[dict[str, Any]]):
    """The body of `POST /api/orders/{id}/cancel/`."""

    reason = TextField(max_length=500, required=False, allow_blank=True, default="")


@extend_schema_field(AddressSerializer)
class AddressField(serializers.JSONField):
    """The address as it was given and stored."""


def in_order(address: dict[str, str]) -> dict[str, str]:
    """An address in the one order that all have."""
    return {name: address[name] for name in ADDRESS_FIELDS if name in address}


@extend_schema_serializer(component_name="OrderLine")
class LineSerializer(serializers.ModelSerializer[OrderLine]):
    """A line as it was bought."""

    line_total = serializers.DecimalField(max_digits=15, decimal_places=2, read_only=True)

    class Meta:
        model = OrderLine
        fields: ClassVar = ["product_id", "name", "unit_price", "quantity", "line_total"]
        read_only_fields = fields


@extend_schema_serializer(
    component_name="Order", examples=[OpenApiExample("just placed", PLACED, response_only=True)]
)
class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order."""

    number = serializers.CharField(read_only=True)
    items = LineSerializer(source="bought", many=True, read_only=True)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    status_reason = serializers.CharField(source="reason", read_only=True, max_length=LONGEST_REASON)
    shipping_address = AddressField(read_only=True)

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

    def to_representation(self, instance: Order) -> dict[str, Any]:
        """The order; the fields above say only what the API's description shows."""
        return show(instance)


def show(order: Order) -> dict[str, Any]:
    """An order as the API shows it: by hand, since DRF takes ten times as long."""
    return {
        "id": str(order.id),
        "number": order.number,
        "customer_id": order.customer_id,
        "status": order.status,
        "status_reason": order.reason,
        "items": [
            {
                "product_id": line.product_id,
                "name": line.name,
                "unit_price": f"{line.unit_price:.2f}",
                "quantity": line.quantity,
                "line_total": f"{line.line_total:.2f}",
            }
            for line in order.bought
        ],
        "total": f"{order.total:.2f}",
        "currency": order.currency,
        "shipping_address": in_order(order.shipping_address),
        "created_at": _moment(order.created_at),
        "updated_at": _moment(order.updated_at),
    }


def written(row: Row) -> str:
    """An order of a list as JSON, as `show` has it."""
    lines = row.lines or ""
    reason = '""'
    if row.status_reason:
        names = {line["product_id"]: line["name"] for line in json.loads(f"[{lines}]")}
        reason = json.dumps(with_names(row.status_reason, names), ensure_ascii=False)
    return (
        f'{{"id":"{row.id}","number":"{order_number(row.id)}",{row.begin},"status_reason":{reason},'
        f'"items":[{lines}],{row.end}}}'
    )


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def first_answer(order: Order) -> dict[str, Any]:
    """The order as its `POST` answered: everything but these three fields never changes."""
    as_submitted = {"status": Status.SUBMITTED.value, "status_reason": ""}
    shown = show(order)
    return {**shown, **as_submitted, "updated_at": shown["created_at"]}
