"""How a list of orders is narrowed."""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from django_filters import rest_framework as filters

from apps.order.models import Order, Status

FIRST = datetime(1, 1, 1, tzinfo=UTC)
BLANK_FOR_PLUS = re.compile(r"^(\S+T\S+) (\d\d:?\d\d)$")
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


MOMENT = "A time as RFC 3339 has it, such as 2026-11-22T17:30:00Z."


class MomentField(filters.IsoDateTimeFilter.field_class):  # type: ignore[misc]
    """A moment in UTC: PostgreSQL knows no offset of 16 hours and more, which RFC 3339 allows."""

    default_error_messages: ClassVar = {
        "invalid": "Write a time as RFC 3339 has it: 2026-11-22T17:30:00Z, or 2026-11-22T18:30:00+01:00."
    }

    def to_python(self, value: Any) -> datetime | None:
        """The moment; what lies before the first year or after the last is that year's end.

        Small letters are as good (RFC 3339, section 5.6), and so is the blank that an unescaped + becomes in a query.
        """
        if isinstance(value, str):
            value = BLANK_FOR_PLUS.sub(r"\1+\2", value.strip().upper())
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
    created_after = MomentFilter(
        field_name="created_at", lookup_expr="gte", help_text=f"Placed then or later. {MOMENT}"
    )
    created_before = MomentFilter(
        field_name="created_at", lookup_expr="lte", help_text=f"Placed then or before. {MOMENT}"
    )

    class Meta:
        model = Order
        fields: ClassVar = ["status", "created_after", "created_before"]
