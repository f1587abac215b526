"""How a list of orders is narrowed."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django_filters import rest_framework as filters

from apps.order.models import Order, Status

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


class MomentField(filters.IsoDateTimeFilter.field_class):  # type: ignore[misc]
    """A moment in UTC: PostgreSQL knows no offset of 16 hours and more, which RFC 3339 allows."""

    def to_python(self, value: Any) -> datetime | None:
        """The moment; what lies before the first year or after the last is that year's end."""
        moment = super().to_python(value)
        if moment is None:
            return None
        try:
            return moment.astimezone(UTC)  # type: ignore[no-any-return]
        except OverflowError:
            return FIRST if moment.year == FIRST.year else LAST


class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]
    """Compares with a moment."""

    field_class = MomentField


class OrderFilter(filters.FilterSet):  # type: ignore[misc]  # comes without types
    """`status`, `created_after`, `created_before` (RFC 3339)."""

    status = filters.ChoiceFilter(choices=Status.choices)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lte")

    class Meta:
        model = Order
        fields: ClassVar = ["status", "created_after", "created_before"]
