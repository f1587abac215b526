"""Money and whole numbers mean one thing everywhere."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from shared.http.fields import MAX_MONEY, MoneyField, StrictIntegerField, TextField

BAD_MONEY = [
    "", " ", "x", "1,50", "1.505", "0.001", "1e3", "1E-2", "-0.01", "-1", "+1", "12.50 ", " 12.50", "1 000", "0x10",
    "NaN", "Infinity", "-Infinity", "1_000", "12.5.0", ".", "-", "¹", "٣", "１", 12.5, 0.1, 1e3, 1e300, float("nan"), float("inf"),
    True, False, [], ["1"], {}, {"$gt": "0"}, "9" * 11, 10**10, 10**400, "1" * 5000, f"{MAX_MONEY}", 7, 0,
]  # fmt: skip


@pytest.mark.parametrize(("data", "amount"), [
    ("0", "0.00"), ("0.00", "0.00"), ("12.5", "12.50"), ("12.50", "12.50"), ("0012.50", "12.50"), ("7", "7.00"),
    ("9999999999.99", "9999999999.99"),
])  # fmt: skip
def test_money_is_a_decimal_string(data: Any, amount: str) -> None:
    value = MoneyField().run_validation(data)

    assert isinstance(value, Decimal)
    assert value == Decimal(amount)
    assert MoneyField().to_representation(value) == amount


@pytest.mark.parametrize("data", BAD_MONEY, ids=lambda data: repr(data)[:20])
def test_nothing_else_is_money(data: Any) -> None:
    with pytest.raises(ValidationError):
        MoneyField().run_validation(data)


@pytest.mark.parametrize("data", [1, 0, -1, 10**400, 1.5, 1e300, float("nan")], ids=repr)
def test_money_as_a_number_is_told_what_to_send(data: float) -> None:
    """Whole or not. Red when 1 is taken and 1.5 refused without a word about strings."""
    with pytest.raises(ValidationError, match="send it as a string") as caught:
        MoneyField().run_validation(data)
    assert caught.value.get_codes() == ["number"]


def test_money_may_be_negative_where_a_field_says_so() -> None:
    assert MoneyField(min_value=None).run_validation("-12.50") == Decimal("-12.50")


@pytest.mark.parametrize("data", [1, 0, -5, 10**30])
def test_a_whole_number_is_taken_as_it_is(data: int) -> None:
    assert StrictIntegerField().run_validation(data) == data


@pytest.mark.parametrize(
    "data", [1.0, 1.5, 1e300, "1", "", True, False, None, [], [1], {}, float("inf")], ids=repr
)
def test_nothing_else_is_a_whole_number(data: Any) -> None:
    with pytest.raises(ValidationError):
        StrictIntegerField().run_validation(data)


def test_a_whole_number_has_its_limits() -> None:
    field = StrictIntegerField(min_value=1, max_value=999)

    assert [field.run_validation(number) for number in (1, 999)] == [1, 999]
    for number in (0, 1000, 10**400):
        with pytest.raises(ValidationError):
            field.run_validation(number)


@pytest.mark.parametrize(
    "data", ["", " ", "a\nb", "a\x00b", "\x7f", "a\u200bb", "\u202eabc", 1, 1.5, True, None, [], {}], ids=repr
)
def test_a_text_is_one_printable_line(data: Any) -> None:
    with pytest.raises(ValidationError):
        TextField(max_length=10).run_validation(data)


@pytest.mark.parametrize("text", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "山田\u3000太郎", "x" * 10])
def test_a_text_is_what_people_write(text: str) -> None:
    assert TextField(max_length=10).run_validation(text) == text


def test_a_text_is_trimmed() -> None:
    assert TextField(max_length=10).run_validation("  Café 🖋  ") == "Café 🖋"


def test_what_is_trimmed_counts_as_well() -> None:
    """The API's description says how long the text that is sent may be."""
    with pytest.raises(ValidationError):
        TextField(max_length=10).run_validation(" " + "x" * 10)
