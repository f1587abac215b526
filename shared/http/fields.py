"""Serializer fields with one meaning everywhere; `shared.http.openapi_extensions` says it in the API's description."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

MAX_DIGITS = 12
MAX_MONEY = Decimal(10) ** (MAX_DIGITS - 2)
OBJECT_ID = "^[0-9a-f]{24}$"
AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")

# Regular expressions that Python, ECMAScript and JSON Schema read alike; whoever has the document sees them.
# Nobody sees these on a screen, or they turn round what stands beside them: control characters, line ends, marks of
# direction and width. Joiners stay: Persian and families of emoji are written with them.
UNSEEN = r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
SPACES = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
LINE = f"^[^{UNSEEN}]*$"
LINE_WITH_TEXT = f"^[{SPACES}]*[^{UNSEEN}{SPACES}][^{UNSEEN}]*$"


class MoneyField(serializers.DecimalField):
    """An amount as a decimal string with two places, such as "12.50"; never negative unless told.

    A JSON number is none: most programs read it as a binary fraction, and send 0.1 + 0.2 as 0.30000000000000004.
    """

    default_error_messages: ClassVar = {
        "number": 'Money is a decimal string: send it as a string, "12.50", not as a number.',
        "invalid": 'This is not an amount: send it as a string of digits with a point, such as "12.50".',
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", Decimal(0))
        super().__init__(max_digits=MAX_DIGITS, decimal_places=2, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        """The amount; refuses exponents, numbers and true/false, which DecimalField would let through."""
        if isinstance(data, int | float) and not isinstance(data, bool):
            self.fail("number")
        if not isinstance(data, str) or not AMOUNT.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A whole number as it is usually written: no text, no 2.0, no true/false."""

    def to_internal_value(self, data: Any) -> int:
        """The number, unchanged."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class ObjectIdField(serializers.CharField):
    """The id of a document of MongoDB as text; a number of 24 digits is not taken for one."""

    default_error_messages: ClassVar = {"invalid": "An id is 24 lower-case hexadecimal digits."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The id, unchanged."""
        if not isinstance(data, str) or not re.fullmatch(OBJECT_ID, data):
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    """A text on one line: no number taken for a text, no character that cannot be seen.

    `pattern` is the whole rule for the text as it was sent; subclasses have others.
    """

    default_error_messages: ClassVar = {"control": "Control characters are not allowed."}
    broken: ClassVar = "control"  # the error where `pattern` does not match

    @property
    def pattern(self) -> str:
        """What a text must match before it is trimmed."""
        return LINE if self.allow_blank else LINE_WITH_TEXT

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed."""
        if not isinstance(data, str):
            self.fail("invalid")
        if not re.fullmatch(self.pattern, data):
            self.fail(self.broken)
        if self.max_length is not None and len(data) > self.max_length:  # DRF counts after it trimmed
            self.fail("max_length", max_length=self.max_length)
        text: str = super().to_internal_value(data)
        return text
