"""Messages that can never be handled, one kind for each row of the promise, and a good one of each topic to spoil."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.system.messages import Message, message

FIVE_MEGABYTES = 5 * 1024 * 1024
ITEM = {"product_id": "a" * 24, "quantity": 1}


def good(topic: str) -> Message:
    """What a service could have sent on `topic`; about nothing that exists, and never sent as it is."""
    key = uuid.uuid4().hex[:24] if topic == "product.events" else str(uuid.uuid4())
    price = {"price": "1.00", "currency": "EUR"}
    order = {"order_id": key, "customer_id": "nobody", "items": [ITEM], "total": "1.00", "currency": "EUR"}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "product.events": (
            "product.created.v1",
            {"product_id": key, "name": "x", **price, "is_active": True, "version": 1},
        ),
        # both of its listeners handle this one
        "order.events": ("order.confirmed.v1", order),
        "order.commands": ("order.confirm.v1", {"order_id": key}),
        "stock.commands": ("stock.reserve.v1", {"order_id": key, "items": [ITEM]}),
        "stock.events": ("stock.reserved.v1", {"order_id": key}),
        "basket.commands": (
            "basket.remove-items.v1",
            {"order_id": str(uuid.uuid4()), "customer_id": key, "items": [ITEM]},
        ),
    }
    kind, data = kinds[topic]
    return message(topic, kind, key, data)


def _with_header(each: Message, name: str, value: str | None) -> Message:
    kept = tuple(header for header in each.headers if header[0] != name)
    return replace(each, headers=kept if value is None else (*kept, (name, value.encode())))


def _with_data(each: Message, **fields: Any) -> Message:
    return replace(each, value=json.dumps(json.loads(each.value or b"") | fields).encode())


def _wrong_types(each: Message) -> Message:
    """Every field as a list: no contract has only lists."""
    fields = json.loads(each.value or b"")
    return replace(each, value=json.dumps({name: [value, value] for name, value in fields.items()}).encode())


def _negative(each: Message) -> Message:
    """A number below what the contract allows; on a topic without numbers, an id that is a number."""
    fields = json.loads(each.value or b"")
    if "items" in fields:
        return _with_data(each, items=[{**ITEM, "quantity": -1}])
    return _with_data(each, price="-1.00") if "price" in fields else _with_data(each, order_id=-1)


KINDS: dict[str, Callable[[Message], Message]] = {
    "not JSON": lambda each: replace(each, value=b"\xff\xfe not JSON"),
    "empty": lambda each: replace(each, value=b""),
    "a tombstone": lambda each: replace(each, value=None),
    "another JSON": lambda each: replace(each, value=b"[1, 2, 3]"),
    "wrong types": _wrong_types,
    "negative quantity": _negative,
    "no headers": lambda each: replace(each, headers=()),
    "no id": lambda each: _with_header(each, "ce_id", None),
    "no type": lambda each: _with_header(each, "ce_type", None),
    "two ids": lambda each: replace(each, headers=(*each.headers, ("ce_id", b"another"))),
    "two types": lambda each: replace(each, headers=(*each.headers, ("ce_type", b"another.v1"))),
    "a header that is no text": lambda each: replace(
        each, headers=(*each.headers, ("traceparent", b"\xff\xfe"))
    ),
    "a version of the future": lambda each: _with_header(each, "ce_type", each.header("ce_type")[:-1] + "9"),
    "a type that no contract names": lambda each: _with_header(each, "ce_type", "party.started.v1"),
    "a type of another topic": lambda each: _with_header(
        each, "ce_type", "order.confirm.v1" if each.topic != "order.commands" else "stock.reserve.v1"
    ),
    "CloudEvents of the future": lambda each: _with_header(each, "ce_specversion", "9.0"),
    "five megabytes": lambda each: _with_data(each, padding="x" * FIVE_MEGABYTES),
    "the key of another": lambda each: replace(each, key=b"another"),
    "no key": lambda each: replace(each, key=None),
}


def poison(kind: str, topic: str) -> Message:
    """A message of this kind for `topic`; it can be told from all others by its payload or its id."""
    return KINDS[kind](good(topic))
