"""How a list of orders is narrowed."""

from typing import ClassVar

from django_filters import rest_framework as filters

from apps.order.models import Order, Status


class OrderFilter(filters.FilterSet):  # type: ignore[misc]  # comes without types
    """`status`, `created_after`, `created_before` (RFC 3339)."""

    status = filters.ChoiceFilter(choices=Status.choices)
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lte")

    class Meta:
        model = Order
        fields: ClassVar = ["status", "created_after", "created_before"]
