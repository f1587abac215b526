"""Yesterday's messages and today's classes: what was agreed is kept, and a break says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, create_model

from shared import contracts
from shared.contracts import BY_TYPE, MESSAGES, Message, OrderConfirmed
from shared.contracts.golden import __main__ as command
from shared.contracts.golden import document
from shared.contracts.golden.document import COMMAND, DIRECTORY, Golden, breaks, fields_of, path_of, verdict
from shared.contracts.golden.examples import EXAMPLES
from shared.contracts.topics import Topic
from shared.messaging.envelope import Raw, decode, encode

FILES = sorted(DIRECTORY.glob("*.json"))
by_name = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])


def on_the_wire(golden: Golden, payload: dict[str, Any] | None = None) -> Raw:
    contract = BY_TYPE[golden.headers["ce_type"]]
    return Raw(
        topic=contract.TOPIC.name,
        partition=0,
        offset=7,
        key=golden.headers["ce_subject"].encode(),
        headers=[(name, value.encode()) for name, value in golden.headers.items()],
        payload=json.dumps(payload or golden.payload).encode(),
    )


def test_every_message_has_a_file_and_every_file_a_message() -> None:
    without_file = {message.TYPE for message in MESSAGES} - {file.stem for file in FILES}
    assert not without_file, f"{without_file} have no golden file: {COMMAND}"
    forgotten = {file.stem for file in FILES} - BY_TYPE.keys()
    assert not forgotten, (
        f"{forgotten} are not understood any more, and may still be in Kafka: keep their classes. "
        f"Where no such message was ever sent, delete {DIRECTORY}/<type>.json"
    )


@by_name
def test_what_was_agreed_is_kept(file: Path) -> None:
    reasons = list(breaks(Golden.read(file), BY_TYPE[file.stem]))
    assert not reasons, verdict(file.stem, reasons)


@pytest.mark.parametrize("message", EXAMPLES, ids=[message.TYPE for message in EXAMPLES])
def test_the_file_shows_the_message_as_it_is_today(message: Message) -> None:
    assert Golden.read(path_of(message.TYPE)) == Golden.of(message), (
        f"the golden file of {message.TYPE} is of yesterday: {COMMAND}"
    )


@pytest.mark.parametrize("message", EXAMPLES, ids=[message.TYPE for message in EXAMPLES])
def test_an_example_has_every_field_that_it_can_have(message: Message) -> None:
    payload = json.loads(message.model_dump_json())
    assert set(filled(payload)) == set(fields_of(type(message))), (
        "give every field a value in shared.contracts.golden.examples"
    )


def filled(value: Any, path: str = "") -> set[str]:
    """The paths of all fields in a payload that are not null."""
    if isinstance(value, list):
        return set().union(*(filled(item, f"{path.removesuffix('.')}[].") for item in value))
    if not isinstance(value, dict):
        return set()
    found = {f"{path}{name}" for name, inner in value.items() if inner is not None}
    return found.union(*(filled(inner, f"{path}{name}.") for name, inner in value.items()))


@by_name
def test_yesterdays_message_is_understood(file: Path) -> None:
    golden = Golden.read(file)
    received = decode(on_the_wire(golden))
    assert type(received.message) is BY_TYPE[file.stem]
    assert received.id == golden.headers["ce_id"]
    assert received.key == golden.headers["ce_subject"]
    assert json.loads(received.message.model_dump_json()) == golden.payload


@by_name
def test_a_field_of_tomorrow_is_ignored(file: Path) -> None:
    golden = Golden.read(file)
    tomorrow = decode(on_the_wire(golden, with_extras(golden.payload)))
    assert json.loads(tomorrow.message.model_dump_json()) == golden.payload


def with_extras(value: Any) -> Any:
    """`value` with a field that nobody knows in every object."""
    if isinstance(value, list):
        return [with_extras(item) for item in value]
    if isinstance(value, dict):
        return {**{name: with_extras(inner) for name, inner in value.items()}, "tomorrow": {"a": [1, None]}}
    return value


@by_name
def test_without_its_optional_fields_a_message_is_understood(file: Path) -> None:
    golden = Golden.read(file)
    least = {
        name: value for name, value in golden.payload.items() if golden.fields[name].startswith("required")
    }
    assert type(decode(on_the_wire(golden, least)).message) is BY_TYPE[file.stem]


@pytest.mark.parametrize("message", EXAMPLES, ids=[message.TYPE for message in EXAMPLES])
def test_the_outbox_writes_the_headers_that_the_file_shows(message: Message) -> None:
    golden = Golden.read(path_of(message.TYPE))
    _, headers, payload = encode(message, golden.headers["ce_source"].rpartition("/")[2])
    assert headers.keys() == golden.headers.keys()
    changing = {"ce_id", "ce_time", "traceparent"}
    assert {k: v for k, v in headers.items() if k not in changing} == {
        k: v for k, v in golden.headers.items() if k not in changing
    }
    assert json.loads(payload) == golden.payload


# The check itself: each way to break a reader is found, and the text says what to do.


def changed(fields: dict[str, Any], without: tuple[str, ...] = ()) -> type[Message]:
    """`OrderConfirmed` with other fields."""
    kept: dict[str, Any] = {
        name: (info.annotation if not info.metadata else Annotated[info.annotation, *info.metadata], info)
        for name, info in OrderConfirmed.model_fields.items()
        if name not in without
    }
    model = create_model("OrderConfirmed", __base__=contracts.Message, **{**kept, **fields})
    model.TYPE = OrderConfirmed.TYPE
    return model


def told_about(contract: type[Message]) -> str:
    return verdict(contract.TYPE, list(breaks(Golden.read(path_of(OrderConfirmed.TYPE)), contract)))


def test_the_same_fields_break_nothing() -> None:
    assert list(breaks(Golden.read(path_of(OrderConfirmed.TYPE)), changed({}))) == []


def test_a_new_optional_field_breaks_nothing() -> None:
    contract = changed({"gift": (bool | None, None)})
    assert list(breaks(Golden.read(path_of(OrderConfirmed.TYPE)), contract)) == []


class GiftItem(contracts.OrderedItem):
    gift: bool | None = None


def test_a_new_optional_field_of_an_item_breaks_nothing() -> None:
    contract = changed({"items": (Annotated[tuple[GiftItem, ...], Field(strict=False)], ...)})
    assert list(breaks(Golden.read(path_of(OrderConfirmed.TYPE)), contract)) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: changed({}, without=("number",)), "the field `number` is gone"),
        (
            lambda: changed({"amount": (str, ...)}, without=("total",)),
            "the field `total` is gone; the field `amount` is new and required",
        ),
        (lambda: changed({"total": (int, ...)}), "the field `total` was “required string"),
        (
            lambda: changed({"gift": (bool, ...)}),
            "the field `gift` is new and required; yesterday's message is refused",
        ),
        (lambda: changed({"number": (str, ...)}), "the field `number` was “optional string"),
        (
            lambda: changed({"reason": (Annotated[str, Field(max_length=5)] | None, None)}),
            "yesterday's message is refused",
        ),
        (
            lambda: changed({"items": (tuple[contracts.Shortage, ...], ...)}),
            "the field `items[].name` is gone",
        ),
    ],
    ids=["removed", "renamed", "retyped", "required", "optional made required", "tightened", "inside a list"],
)
def test_a_break_is_found_and_the_text_names_the_way_out(
    change: Callable[[], type[Message]], reason: str
) -> None:
    text = told_about(change())
    assert reason in text
    assert text.startswith("order.confirmed.v1 does not keep what it promised")
    assert text.endswith("python -m shared.contracts.golden write order.confirmed.v1")


def test_a_value_that_is_read_otherwise_is_a_break() -> None:
    golden = Golden.read(path_of(OrderConfirmed.TYPE))
    golden.payload["total"] = "99.8"
    assert list(breaks(golden, OrderConfirmed)) == ["`total` was sent as '99.8' and is read as '99.80'"]


# The command.


class Sample(Message):
    TYPE = "order.confirmed.v1"
    TOPIC: ClassVar[Topic] = OrderConfirmed.TOPIC
    order_id: str

    @property
    def key(self) -> str:
        return self.order_id


class Grown(Sample):
    note: str | None = None


class Broken(Sample):
    note: str


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(document, "DIRECTORY", tmp_path)
    return tmp_path


def write(monkeypatch: pytest.MonkeyPatch, message: Message, *types: str) -> int:
    monkeypatch.setattr(command, "EXAMPLES", (message,))
    return command.main(["write", *types])


def test_the_command_writes_what_is_new_and_what_harms_nobody(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write(monkeypatch, Sample(order_id="a")) == 0
    assert write(monkeypatch, Grown(order_id="a", note="b")) == 0
    assert Golden.read(files / "order.confirmed.v1.json").payload == {"order_id": "a", "note": "b"}


def test_the_command_refuses_a_break_until_it_is_named(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(monkeypatch, Sample(order_id="a"))
    assert write(monkeypatch, Broken(order_id="a", note="b")) == 1
    assert "the field `note` is new and required" in capsys.readouterr().err
    assert Golden.read(files / "order.confirmed.v1.json").payload == {"order_id": "a"}
    assert write(monkeypatch, Broken(order_id="a", note="b"), "order.confirmed.v1") == 0
    assert Golden.read(files / "order.confirmed.v1.json").payload == {"order_id": "a", "note": "b"}


def test_the_command_knows_which_types_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["write", "order.eaten.v1"])
    assert "no contract names order.eaten.v1" in capsys.readouterr().err
