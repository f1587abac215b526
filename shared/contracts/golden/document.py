"""The golden document of a message: what it holds, where it lies, and what would break who reads it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.contracts.message import Message
from shared.declaration import declared

DIRECTORY = Path(__file__).parent
COMMAND = "python -m shared.contracts.golden write"
SENDERS = {topic: each.name for each in declared() for topic in each.writes}
TITLES = {"title", "description", "default", "properties", "items", "required", "$defs"}


@dataclass(frozen=True)
class Golden:
    """`headers` and `payload` as on the wire; `fields`: path of a field -> what it may be."""

    headers: dict[str, str]
    payload: dict[str, Any]
    fields: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Golden":
        """The document in a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of(cls, message: Message) -> "Golden":
        """What the file for `message` should hold today."""
        return cls(headers_of(message), json.loads(message.model_dump_json()), fields_of(type(message)))

    def write(self, path: Path) -> None:
        """Make the file hold this."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def path_of(message_type: str) -> Path:
    """The file of a type."""
    return DIRECTORY / f"{message_type}.json"


def headers_of(message: Message) -> dict[str, str]:
    """The headers of CloudEvents' binary mode (docs/asyncapi.json), the same at every call."""
    message_id = uuid.uuid5(uuid.NAMESPACE_URL, message.TYPE)
    return {
        "ce_specversion": "1.0",
        "ce_id": str(message_id),
        "ce_source": f"/microcommerce/{SENDERS[message.TOPIC.name]}",
        "ce_type": message.TYPE,
        "ce_time": "2026-11-22T17:30:00.000Z",
        "ce_subject": message.key,
        "content-type": "application/json",
        "traceparent": f"00-{message_id.hex}-{message_id.hex[:16]}-01",
    }


def fields_of(contract: type[Message]) -> dict[str, str]:
    """Every field by its path (`items[].quantity`) and what it may be, in words that a diff shows well."""
    schema = contract.model_json_schema()
    return dict(_walk(schema, schema.get("$defs", {}), ""))


def _walk(schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    node = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for name, inner in node.get("properties", {}).items():
        needed = "required" if name in node.get("required", ()) else "optional"
        yield f"{path}{name}", f"{needed} {_words(inner)}"
        yield from _walk(inner, definitions, f"{path}{name}.")
    for choice in node.get("anyOf", ()):
        yield from _walk(choice, definitions, path)
    if "items" in node:
        yield from _walk(node["items"], definitions, f"{path.removesuffix('.')}[].")


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(choice) for choice in schema["anyOf"])
    rules = [f"{name}={value}" for name, value in sorted(schema.items()) if name not in {*TITLES, "type"}]
    return " ".join([schema.get("type", "object"), *rules])


def breaks(golden: Golden, contract: type[Message]) -> Iterator[str]:
    """What of yesterday's agreement `contract` does not keep, one sentence for each."""
    today = fields_of(contract)
    for path, meaning in golden.fields.items():
        if path not in today:
            yield f"the field `{path}` is gone"
        elif today[path] != meaning:
            yield f"the field `{path}` was “{meaning}” and is “{today[path]}”"
    for path in today.keys() - golden.fields.keys():
        if today[path].startswith("required"):
            yield f"the field `{path}` is new and required"
    yield from _misread(golden, contract)


def _misread(golden: Golden, contract: type[Message]) -> Iterator[str]:
    try:
        message = contract.model_validate_json(json.dumps(golden.payload))
    except ValidationError as error:
        yield f"yesterday's message is refused: {error.errors()[0]['msg']}"
        return
    understood = json.loads(message.model_dump_json())
    for name, value in golden.payload.items():
        if name in understood and (read := of_what_was_sent(value, understood[name])) != value:
            yield f"`{name}` was sent as {value!r} and is read as {read!r}"


def of_what_was_sent(sent: Any, read: Any) -> Any:
    """`read` without the fields that `sent` does not have: a new optional field, however deep, is no other reading."""
    if isinstance(sent, dict) and isinstance(read, dict):
        return {name: of_what_was_sent(sent[name], value) for name, value in read.items() if name in sent}
    if isinstance(sent, list) and isinstance(read, list) and len(sent) == len(read):
        return [of_what_was_sent(*pair) for pair in zip(sent, read, strict=True)]
    return read


def verdict(message_type: str, reasons: list[str]) -> str:
    """What to tell the developer whose change breaks `message_type`."""
    return (
        f"{message_type} does not keep what it promised: {'; '.join(reasons)}. "
        "Messages of this kind are on their way and stay in Kafka for days, and consumers that run already rely on it: "
        "leave the field as it is, make a new one optional, or make a new version of the type. "
        f"Where no such message was ever sent: {COMMAND} {message_type}"
    )
