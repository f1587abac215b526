"""Optional fields of a body may be left out or null."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from shared.http.bodies import BodySerializer
from shared.http.fields import MoneyField, StrictIntegerField, TextField


class Line(BodySerializer[Any]):
    quantity = StrictIntegerField()


class Body(BodySerializer[Any]):
    name = TextField()
    note = TextField(required=False, allow_blank=True)
    reason = TextField(required=False, default="none")
    total = MoneyField(required=False)
    lines = Line(many=True, required=False)
    flag = serializers.BooleanField(required=False)


def valid(**body: Any) -> Any:
    read = Body(data={"name": "x", **body})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


@pytest.mark.parametrize("field", ["note", "reason", "total", "lines", "flag"])
def test_null_is_as_good_as_nothing(field: str) -> None:
    """Red with a plain Serializer."""
    assert valid(**{field: None}) == valid() == {"name": "x", "reason": "none"}


def test_a_value_is_a_value() -> None:
    assert valid(total="1.00", note="", lines=[{"quantity": 1}])["total"] == Decimal(1)


@pytest.mark.parametrize("field", ["reason", "total", "lines", "flag"])
def test_an_empty_text_is_not_null(field: str) -> None:
    """Red when optional fields get DRF's `allow_null`: an expected total of "" was none, and the order was placed."""
    with pytest.raises(ValidationError):
        valid(**{field: ""})


@pytest.mark.parametrize(
    "body", [{"name": None}, {"lines": [None]}, {"lines": [{"quantity": None}]}], ids=str
)
@pytest.mark.parametrize("partial", [True, False])
def test_null_is_no_value_of_a_required_field(body: Any, partial: bool) -> None:
    with pytest.raises(ValidationError):
        Body(data={"name": "x", **body}, partial=partial).is_valid(raise_exception=True)
