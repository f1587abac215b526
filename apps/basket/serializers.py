"""The shapes of a basket in the API: what comes in, what goes out."""

import re
from collections import Counter
from typing import Any, ClassVar, Self

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.basket import queries
from apps.basket.repository import MAX_LINES, MAX_QUANTITY, Basket, Line, Unavailable
from shared.http.bodies import BodySerializer
from shared.http.fields import OBJECT_ID, ObjectIdField, StrictIntegerField

# What the API's description shows
LAMP = {
    "product_id": "65f0c0ffee65f0c0ffee65f0",
    "name": "Desk lamp",
    "unit_price": "49.90",
    "quantity": 2,
    "line_total": "99.80",
    "available": True,
}
HAT = {
    "product_id": "65f0c0ffee65f0c0ffee65f1",
    "name": "Summer hat",
    "unit_price": "25.00",
    "quantity": 1,
    "line_total": "25.00",
    "available": False,
    "unavailable_reason": "archived",
}


@extend_schema_serializer(
    component_name="BasketQuantity",
    examples=[OpenApiExample("two of them", {"quantity": 2}, request_only=True)],
)
class LineQuantitySerializer(BodySerializer[dict[str, int]]):
    """The body of `PUT /api/basket/items/{product_id}/`."""

    quantity = StrictIntegerField(min_value=1, max_value=MAX_QUANTITY)


@extend_schema_serializer(component_name="BasketItem")
class BasketItemSerializer(LineQuantitySerializer):
    """A line of `PUT /api/basket/`."""

    product_id = ObjectIdField()

    default_error_messages: ClassVar = {
        "does_not_exist": "There is no such product, or it is not sold any more.",
        "duplicate": "This product stands there twice: make it one line.",
    }

    def validate_product_id(self, product_id: str) -> str:
        """One line for each product that may be there; the context knows which may, and which are named twice."""
        if product_id in self.context["doubled"]:
            self.fail("duplicate")
        if product_id not in self.context["may_hold"]:
            self.fail("does_not_exist")
        return product_id


@extend_schema_serializer(
    component_name="BasketContent",
    examples=[
        OpenApiExample(
            "one product, twice",
            {"items": [{"product_id": LAMP["product_id"], "quantity": 2}]},
            request_only=True,
        )
    ],
)
class ReplaceBasketSerializer(BodySerializer[dict[str, Any]]):
    """The body of `PUT /api/basket/`: every wrong line is named in one answer."""

    items = BasketItemSerializer(many=True, max_length=MAX_LINES)  # type: ignore[call-arg] # the list takes it

    @classmethod
    def of(cls, body: Any, customer: str) -> Self:
        """The serializer of `body`, knowing what can be known of the products that stand in it."""
        ids = Counter(_product_ids(body))
        doubled = {product_id for product_id, count in ids.items() if count > 1}
        return cls(data=body, context={"may_hold": queries.may_hold(customer, ids), "doubled": doubled})

    @property
    def lines(self) -> list[tuple[str, int]]:
        """The lines, after `is_valid`."""
        return [(item["product_id"], item["quantity"]) for item in self.validated_data["items"]]


class BasketLineSerializer(serializers.Serializer[Line]):
    """A line at today's name and price."""

    product_id = serializers.CharField()
    name = serializers.CharField()
    unit_price = serializers.DecimalField(max_digits=12, decimal_places=2)
    quantity = serializers.IntegerField()
    line_total = serializers.DecimalField(max_digits=20, decimal_places=2)
    available = serializers.BooleanField(
        help_text="false: it cannot be bought any more, does not count in `total`, and must be taken out before ordering"
    )
    unavailable_reason = serializers.ChoiceField(
        choices=[each.value for each in Unavailable],
        required=False,
        help_text="why it is not `available`: it is not sold any more, its price is in another currency than the"
        " basket's, or the catalogue does not have it",
    )


@extend_schema_serializer(
    component_name="Basket",
    examples=[
        OpenApiExample(
            "one product, twice",
            {"items": [LAMP], "total": "99.80", "currency": "EUR", "version": 7},
            response_only=True,
        ),
        OpenApiExample(
            "and one that is not sold any more",
            {"items": [LAMP, HAT], "total": "99.80", "currency": "EUR", "version": 8},
            response_only=True,
        ),
    ],
)
class BasketSerializer(serializers.Serializer[Basket]):
    """A basket."""

    items = BasketLineSerializer(many=True)
    total = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="of what is available")
    currency = serializers.CharField(help_text="ISO 4217")
    version = serializers.IntegerField(help_text="rises with every change; 0: nothing was ever put in")

    def to_representation(self, instance: Basket) -> dict[str, Any]:
        """All of it at once."""
        return show_basket(instance)


def show_basket(basket: Basket) -> dict[str, Any]:
    """A basket as the API shows it: a serializer takes ten times as long."""
    return {
        "items": [_line(line) for line in basket.items],
        "total": f"{basket.total:.2f}",
        "currency": basket.currency,
        "version": basket.version,
    }


def _line(line: Line) -> dict[str, Any]:
    why = {"unavailable_reason": line.unavailable.value} if line.unavailable else {}
    return {
        "product_id": line.product_id,
        "name": line.name,
        "unit_price": f"{line.unit_price:.2f}",
        "quantity": line.quantity,
        "line_total": f"{line.line_total:.2f}",
        "available": line.unavailable is None,
        **why,
    }


def _product_ids(body: Any) -> list[str]:
    """The product ids that stand in a body of any shape; no more than a good body could have."""
    items = body.get("items") if isinstance(body, dict) else None
    lines = items[:MAX_LINES] if isinstance(items, list) else []
    found = [line.get("product_id") for line in lines if isinstance(line, dict)]
    return [
        product_id
        for product_id in found
        if isinstance(product_id, str) and re.fullmatch(OBJECT_ID, product_id)
    ]
