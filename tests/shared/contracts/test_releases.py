"""Two releases at once, as in every upgrade: each understands what the other sends.

`releases/` keeps, for every release, what its producers sent and the schemas that its consumers go by
(`python -m tests.shared.contracts.record_release`). Other than the golden files they are never written again.
"""

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import Field

from shared.contracts import BY_TYPE, Message, OrderConfirmed
from shared.contracts.golden.document import of_what_was_sent
from shared.contracts.golden.examples import EXAMPLES
from tests.shared.contracts.extremes import extremes
from tests.shared.contracts.record_release import FOLDER, recorded
from tests.shared.contracts.test_golden import changed

Kept = dict[str, Any]  # the schema of a type, and messages of it

RELEASES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
KEPT = [
    pytest.param(kind, kept, id=f"{release}-{kind}")
    for release, kinds in RELEASES.items()
    for kind, kept in kinds.items()
]


def misread(contract: type[Message], kept: Kept) -> Iterator[str]:
    """What `contract` makes of the messages of a release, where that is something else than was sent."""
    for sent in kept["messages"]:
        try:
            read = json.loads(contract.model_validate_json(json.dumps(sent)).model_dump_json())
        except ValueError as error:
            yield str(error)
        else:
            same = of_what_was_sent(sent, read)
            yield from (f"{name} was {sent[name]!r}" for name in sent if same.get(name) != sent[name])


def refused(contract: type[Message], kept: Kept) -> Iterator[str]:
    """Why consumers of a release refuse what today's producers may send, at the limits of what `contract` allows."""
    consumer = Draft202012Validator(kept["schema"], format_checker=FormatChecker())
    for value in extremes(contract.model_json_schema()):
        payload = json.loads(contract.model_validate_json(json.dumps(value)).model_dump_json())
        yield from (f"{error.json_path}: {error.message[-200:]}" for error in consumer.iter_errors(payload))


@pytest.mark.parametrize(("kind", "kept"), KEPT)
def test_todays_consumers_understand_what_a_release_sends(kind: str, kept: Kept) -> None:
    """Red with `reason: Reason` (no default) in `OrderCommand` of shared/contracts/order.py."""
    assert not list(misread(BY_TYPE[kind], kept))


@pytest.mark.parametrize(("kind", "kept"), KEPT)
def test_a_releases_consumers_understand_what_todays_producers_send(kind: str, kept: Kept) -> None:
    """Red with `le=1000` for `Quantity`, or `max_length=501` for `Reason`, in shared/contracts/message.py."""
    assert not list(refused(BY_TYPE[kind], kept))


# What was promised to hold, seen to be found.


class Channel(StrEnum):
    WEB = "web"


class MoreChannels(StrEnum):
    WEB = "web"
    SHOP = "shop"


YESTERDAY = changed({"channel": (Channel, Field(default=Channel.WEB, strict=False))})
Changes = list[tuple[Callable[[], type[Message]], str]]
BREAKS: Changes = [
    (lambda: changed({}, without=("total",)), "'total' is a required property"),
    (lambda: changed({"amount": (str, ...)}, without=("total",)), "'total' is a required property"),
    (lambda: changed({"total": (int, ...)}), "is not of type 'string'"),
    (lambda: changed({"total": (str | None, ...)}), "None is not of type 'string'"),
    (
        lambda: changed({"currency": (Annotated[str, Field(max_length=4)], ...)}),
        "does not match '^[A-Z]{3}$'",
    ),
    (lambda: changed({"customer_id": (Annotated[str, Field(max_length=65)], ...)}), "is too long"),
    (lambda: changed({"channel": (MoreChannels, Field(strict=False))}), "'shop' is not one of"),
]


@pytest.mark.parametrize(
    ("change", "reason"),
    BREAKS,
    ids=["removed", "renamed", "retyped", "null", "reshaped", "longer", "new value"],
)
def test_what_old_consumers_would_refuse_is_found(change: Callable[[], type[Message]], reason: str) -> None:
    assert reason in "\n".join(refused(change(), {"schema": YESTERDAY.model_json_schema()}))


def test_nothing_is_found_where_nothing_changed_or_an_optional_field_came() -> None:
    kept = recorded(next(message for message in EXAMPLES if isinstance(message, OrderConfirmed)))
    for contract in (OrderConfirmed, changed({"gift": (bool | None, None)})):
        assert not list(refused(contract, kept))
        assert not list(misread(contract, kept))
