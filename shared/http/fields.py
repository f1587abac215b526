"""Serializer fields with one meaning everywhere."""

from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

MAX_DIGITS = 12
MAX_MONEY = Decimal(10) ** (MAX_DIGITS - 2)


class MoneyField(serializers.DecimalField):
    """An amount as a decimal string with two places, such as "12.50"; never negative unless told."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", Decimal(0))
        super().__init__(max_digits=MAX_DIGITS, decimal_places=2, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        """The amount; refuses exponents, floats and true/false, which DecimalField would let through."""
        if isinstance(data, bool | float) or (isinstance(data, str) and not _plain(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A whole number as JSON writes it: no text, no float, no true/false."""

    def to_internal_value(self, data: Any) -> int:
        """The number, unchanged."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text on one line: no number taken for a text, no control or other unprintable character."""

    default_error_messages: ClassVar = {"control": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed."""
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("control")
        return text


def _plain(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit()
