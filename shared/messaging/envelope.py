"""A message on the wire: CloudEvents 1.0 in Kafka's binary mode (docs/asyncapi.json)."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from shared.contracts import BY_TYPE, TOPICS, Message, Topic
from shared.telemetry import trace

M_co = TypeVar("M_co", bound=Message, covariant=True)

Headers = Sequence[tuple[str, bytes | None]]

CONTENT_TYPE = "application/json"
REQUIRED = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time")
MAX_PAYLOAD = 1024 * 1024  # bytes; a message is a fact, not a file
MAX_ID = 128
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
TOPIC_BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}


class Poison(Exception):
    """The message can never be handled; its text is the dead letter's reason."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it came from Kafka. `offset` −1: it does not come from a partition.

    `fault` says what of it could not be read at all, so that something is missing here; empty as a rule.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Headers
    payload: bytes
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Received(Generic[M_co]):
    """A message that was understood. `id` is `ce_id`: the same id is the same message, however often it comes."""

    message: M_co
    id: str
    time: datetime
    traceparent: str | None
    raw: Raw

    @property
    def key(self) -> str:
        """The aggregate's id."""
        return self.message.key


class Cause(Protocol):
    """What a message was sent because of: a message that was received, as a rule."""

    @property
    def id(self) -> str:
        """The id of the message that caused it; empty where that is not one message."""

    @property
    def traceparent(self) -> str | None:
        """The trace that the new message belongs to."""


def encode(message: Message, service: str, cause: Cause | None = None) -> tuple[str, dict[str, str], str]:
    """The id, the headers and the payload of a new message that `service` sends because of `cause`."""
    parent = trace.parse(cause.traceparent) if cause else trace.current()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_source": f"/microcommerce/{service}",
        "ce_type": message.TYPE,
        "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_subject": message.key,
        "content-type": CONTENT_TYPE,
        "traceparent": str(parent.child() if parent else trace.start()),
    }
    if cause and cause.id:
        headers["ce_causationid"] = cause.id
    return headers["ce_id"], headers, message.model_dump_json(exclude_none=True)


def type_of(raw: Raw) -> type[Message] | None:
    """The contract that the one header `ce_type` names, on its own topic; nothing else of the message is looked at."""
    types = [value for name, value in raw.headers if name == "ce_type"]
    if raw.fault or len(types) != 1 or types[0] is None:
        return None
    contract = BY_TYPE.get(types[0].decode("utf-8", "replace"))
    return contract if contract is not None and contract.TOPIC.name == raw.topic else None


def decode(raw: Raw) -> Received[Message]:
    """The message in `raw`.

    Raises Poison, with the reason, for what no try will ever make good.
    """
    if raw.fault:
        raise Poison(raw.fault)
    headers = _headers(raw)
    contract = _contract(headers["ce_type"], raw.topic)
    if len(raw.payload) > MAX_PAYLOAD:
        raise Poison(f"The payload has {len(raw.payload)} bytes; {MAX_PAYLOAD} is the most.")
    if NUL.search(raw.payload):
        raise Poison("A text contains the character NUL, which no store keeps.")
    try:
        message = contract.model_validate_json(raw.payload)
    except ValidationError as error:
        raise Poison(f"The payload is not a {contract.TYPE}: {_first(error)}") from error
    if raw.key != message.key.encode():
        raise Poison(f"The key is not the id that the payload names ({message.key}).")
    return Received(message, headers["ce_id"], _time(headers["ce_time"]), headers.get("traceparent"), raw)


def _headers(raw: Raw) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw.headers:
        if name in found and name in REQUIRED:
            raise Poison(f"The header {name} stands there twice.")
        try:
            found[name] = (value or b"").decode()
        except UnicodeDecodeError as error:
            raise Poison(f"The header {name} is not UTF-8.") from error
    missing = [name for name in REQUIRED if not found.get(name)]
    if missing:
        raise Poison(f"These headers are missing: {', '.join(missing)}.")
    if found["ce_specversion"] != "1.0":
        raise Poison(f"CloudEvents {found['ce_specversion']} is not known here.")
    if len(found["ce_id"]) > MAX_ID or "\x00" in found["ce_id"]:
        raise Poison(f"The header ce_id is longer than {MAX_ID} characters, or contains NUL.")
    return found


def _contract(name: str, topic: str) -> type[Message]:
    contract = BY_TYPE.get(name)
    if contract is None:
        stem = name.rpartition(".v")[0]
        known = any(other.rpartition(".v")[0] == stem for other in BY_TYPE)
        raise Poison(
            f"{name} is a version that is not known here." if known else f"No contract names the type {name}."
        )
    if contract.TOPIC.name != topic:
        raise Poison(f"{name} does not belong on {topic}.")
    return contract


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Poison("The header ce_time is not a time of RFC 3339.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _first(error: ValidationError) -> str:
    item = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in item["loc"])
    return f"{where}: {item['msg']}" if where else str(item["msg"])
