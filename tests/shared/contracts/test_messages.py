"""What a message may hold: what no store can keep is refused before it reaches one."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts import BY_TYPE, MESSAGES, TOPICS, Message, ProductCreated
from shared.contracts.golden.document import Golden, path_of


def payload_of(message_type: str, **changes: Any) -> str:
    return json.dumps({**Golden.read(path_of(message_type)).payload, **changes})


def read(message_type: str, **changes: Any) -> Message:
    return BY_TYPE[message_type].model_validate_json(payload_of(message_type, **changes))


@pytest.mark.parametrize(
    ("written", "value"),
    [("12.50", "12.50"), ("0", "0.00"), ("9999999999.99", "9999999999.99"), ("12.5", "12.50")],
)
def test_money_is_text_with_at_most_two_places(written: str, value: str) -> None:
    message = read("product.created.v1", price=written)
    assert json.loads(message.model_dump_json())["price"] == value


@pytest.mark.parametrize(
    "written",
    [
        12.5,
        12,
        True,
        None,
        "",
        "12.505",
        "-1.00",
        "-0.00",
        "1e3",
        "NaN",
        "Infinity",
        "1,50",
        " 1.00",
        "1.00\n",
        "٣.00",
        "1" * 11,
        [],
        {},
    ],
)
def test_nothing_else_is_money(written: Any) -> None:
    with pytest.raises(ValidationError, match="an amount is a text such as"):
        read("product.created.v1", price=written)


@pytest.mark.parametrize("amount", [Decimal("1.505"), Decimal("NaN"), Decimal(-1), Decimal(10) ** 10, 1.5, 1])
def test_an_amount_made_here_keeps_the_same_rules(amount: Any) -> None:
    fields = Golden.read(path_of("product.created.v1")).payload
    with pytest.raises(ValidationError):
        ProductCreated(**{**fields, "price": amount})


def test_there_is_no_negative_nothing() -> None:
    fields = Golden.read(path_of("product.created.v1")).payload
    message = ProductCreated(**{**fields, "price": Decimal("-0.00")})
    assert json.loads(message.model_dump_json())["price"] == "0.00"


@pytest.mark.parametrize(
    ("message_type", "field"),
    [
        ("product.created.v1", "name"),
        ("order.confirmed.v1", "customer_id"),
        ("order.confirmed.v1", "reason"),
        ("order.confirmed.v1", "number"),
        ("order.cancel.v1", "reason"),
        ("stock.rejected.v1", "reason"),
        ("basket.remove-items.v1", "customer_id"),
    ],
)
@pytest.mark.parametrize("text", ["a\x00b", "x" * 501, 7, ["a"]])
def test_text_has_an_end_and_no_nul(message_type: str, field: str, text: Any) -> None:
    with pytest.raises(ValidationError):
        read(message_type, **{field: text})


@pytest.mark.parametrize("surrogate", ['"\\ud800"', '"\\udfff x"'])
def test_half_a_character_is_no_text(surrogate: str) -> None:
    with pytest.raises(ValidationError):
        ProductCreated.model_validate_json(
            payload_of("product.created.v1", name="@").replace('"@"', surrogate)
        )


@pytest.mark.parametrize(
    ("message_type", "field"),
    [
        ("product.created.v1", "version"),
        ("stock.level-changed.v1", "on_hand"),
        ("stock.level-changed.v1", "version"),
    ],
)
@pytest.mark.parametrize("number", [-1, 2**63, 10**30, 1.0, 1.5, "1", True, None])
def test_a_count_is_a_whole_number_that_a_store_can_keep(message_type: str, field: str, number: Any) -> None:
    assert getattr(read(message_type, **{field: 2**63 - 1}), field) == 2**63 - 1
    with pytest.raises(ValidationError):
        read(message_type, **{field: number})


@pytest.mark.parametrize("quantity", [0, -1, 1000, 1.0, "2", True, None])
def test_a_quantity_is_between_1_and_999(quantity: Any) -> None:
    item = {"product_id": "a" * 24, "quantity": quantity}
    for message_type in ("stock.reserve.v1", "basket.remove-items.v1", "order.submitted.v1"):
        with pytest.raises(ValidationError):
            read(message_type, items=[item])


@pytest.mark.parametrize(
    "product", ["", "a" * 23, "A" * 24, "g" * 24, "a" * 24 + "\n", "$where", 7, {"$ne": None}]
)
def test_a_product_is_named_by_24_hex_digits(product: Any) -> None:
    with pytest.raises(ValidationError):
        read("product.created.v1", product_id=product)


@pytest.mark.parametrize("items", [[], None, {}, "x", [None], [{}]])
def test_a_command_names_something(items: Any) -> None:
    with pytest.raises(ValidationError):
        read("stock.reserve.v1", items=items)


def test_messages_cannot_be_changed() -> None:
    message = read("order.confirmed.v1")
    with pytest.raises(ValidationError):
        message.total = Decimal(0)  # type: ignore[attr-defined]


def test_every_message_has_a_type_a_topic_and_a_key_of_its_own() -> None:
    assert len(BY_TYPE) == len(MESSAGES)
    for contract in MESSAGES:
        assert contract.TOPIC in TOPICS
        assert contract.TYPE.rpartition(".v")[2] == "1"
        assert contract.__doc__, f"{contract.__name__} does not say what it means"
        message = read(contract.TYPE)
        assert message.key == Golden.read(path_of(contract.TYPE)).headers["ce_subject"]
