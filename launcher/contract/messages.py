"""The AsyncAPI document: topics, messages, who sends and who receives; from `shared/contracts` and the handlers."""

from collections.abc import Iterator, Mapping
from inspect import getdoc
from typing import Any

from pydantic.json_schema import models_json_schema

from launcher.contract import about
from launcher.contract.parts import Part
from launcher.system import SERVICES
from shared.contracts import MESSAGES, TOPICS, Message, Topic
from shared.contracts.golden.document import SENDERS, Golden, path_of
from shared.contracts.topics import REPLAYS, RETENTION_DAYS
from shared.messaging.replays import ORIGIN

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
DEAD_LETTER, REPLAY, CLOUD_EVENT = "DeadLetter", "Replay", "CloudEventHeaders"
# Keeps the dead letters of all services for managers, and sends them back to their services.
(LISTENER,) = (each.name for each in SERVICES if each.evidence.dead_letters)
DESCRIPTION = """\
What the services tell each other over Kafka: CloudEvents 1.0 in binary mode, so that attributes are headers and the
payload is the JSON value of the message. The key is the aggregate's id, which keeps everything about one order or
product in order. Types end in their version: a new field is optional, anything else is a new version. A receiver
ignores fields that it does not know, skips types that are not for it, and sends what it cannot understand, or gave up
on, to the topic's dead letters, as it came and with headers that say why. What a manager replays comes back on a
topic of the receiver's own, with its id and one header more, that names its topic.
"""
HEADERS: Json = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            "type": "string",
            "description": "The message's id: who handled it once ignores it afterwards.",
        },
        "ce_source": {"type": "string", "description": "The service that sent it."},
        "ce_type": {"type": "string", "description": "What it is, with its version."},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "The aggregate's id, as in the key."},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C Trace Context."},
    },
}
GIVEN_UP: Json = {
    "type": "object",
    "required": ["dl_error", "dl_attempts", "dl_service", "dl_at"],
    "properties": {
        "dl_error": {"type": "string", "description": "What went wrong."},
        "dl_attempts": {"type": "string", "description": "How often it was tried."},
        "dl_service": {"type": "string", "description": "Who gave it up."},
        "dl_at": {"type": "string", "format": "date-time", "description": "When."},
    },
}
COMES_BACK: Json = {
    "type": "object",
    "required": [ORIGIN],
    "properties": {ORIGIN: {"type": "string", "description": "The topic that the message belongs to."}},
}


def document(parts: Mapping[str, Part]) -> Json:
    """The whole document."""
    receivers = {topic.name: _receivers(topic, parts) for topic in TOPICS}
    info = about.info()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Microcommerce: messages",
            "version": info["version"],
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "127.0.0.1:8092",
                "protocol": "kafka",
                "description": "On a development machine; inside only.",
            }
        },
        "channels": dict(_channels()),
        "operations": dict(_operations(receivers)),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _of(topic: Topic) -> list[type[Message]]:
    return [message for message in MESSAGES if topic == message.TOPIC]


def _receivers(topic: Topic, parts: Mapping[str, Part]) -> dict[str, list[type[Message]]]:
    """Service -> what it handles of the topic."""
    handled = {name: [m for m in _of(topic) if m.TYPE in part.receives] for name, part in parts.items()}
    return {name: messages for name, messages in handled.items() if messages}


def _channels() -> Iterator[tuple[str, Json]]:
    for topic in TOPICS:
        kept = "the newest message of each key" if topic.compacted else f"{RETENTION_DAYS} days"
        yield (
            topic.name,
            {
                "address": topic.name,
                "description": f"Written by {SENDERS[topic.name]}. Kafka keeps {kept}.",
                "messages": {
                    message.TYPE: {"$ref": f"#/components/messages/{message.TYPE}"} for message in _of(topic)
                },
                "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
            },
        )
        yield _dead_letters(topic)
    for service, topic in REPLAYS.items():
        about_it = f"Dead letters of {service} that a manager replays. Kafka keeps {RETENTION_DAYS} days."
        yield (
            topic.name,
            {
                "address": topic.name,
                "description": about_it,
                "messages": {REPLAY: {"$ref": f"#/components/messages/{REPLAY}"}},
                "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
            },
        )
        yield _dead_letters(topic)


def _dead_letters(topic: Topic) -> tuple[str, Json]:
    return (
        topic.dead_letter,
        {
            "address": topic.dead_letter,
            "description": f"Messages of {topic.name} that a receiver gave up on, as they came.",
            "messages": {DEAD_LETTER: {"$ref": f"#/components/messages/{DEAD_LETTER}"}},
            "bindings": {"kafka": {"topic": topic.dead_letter}},
        },
    )


def _operations(receivers: Mapping[str, Mapping[str, list[type[Message]]]]) -> Iterator[tuple[str, Json]]:
    for topic in TOPICS:
        yield _operation(SENDERS[topic.name], "send", topic.name, [message.TYPE for message in _of(topic)])
        for service, messages in receivers[topic.name].items():
            yield _operation(service, "receive", topic.name, [message.TYPE for message in messages])
            yield _operation(service, "send", topic.dead_letter, [DEAD_LETTER])
        yield _operation(LISTENER, "receive", topic.dead_letter, [DEAD_LETTER])
    for service, topic in REPLAYS.items():
        yield _operation(LISTENER, "send", topic.name, [REPLAY])
        yield _operation(service, "receive", topic.name, [REPLAY])
        yield _operation(service, "send", topic.dead_letter, [DEAD_LETTER])
        yield _operation(LISTENER, "receive", topic.dead_letter, [DEAD_LETTER])


def _operation(service: str, action: str, topic: str, names: list[str]) -> tuple[str, Json]:
    channel = f"#/channels/{topic}"
    return f"{service}.{action}.{topic}", {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{service} {action}s {topic}",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
    }


def _messages() -> Json:
    found: Json = {message.TYPE: _message(message) for message in MESSAGES}
    found[DEAD_LETTER] = {
        "name": DEAD_LETTER,
        "title": "A message that was given up",
        "summary": "The message as it came, whatever it is, and why it was given up.",
        "headers": {"$ref": f"{SCHEMAS}DeadLetterHeaders"},
        "payload": {"description": "The payload as it came; it need not be JSON."},
    }
    found[REPLAY] = {
        "name": REPLAY,
        "title": "A dead letter that comes back",
        "summary": "The message as it came first, and the topic that it belongs to.",
        "headers": {"$ref": f"{SCHEMAS}ReplayHeaders"},
        "payload": {"description": "The payload as it came first."},
    }
    return found


def _message(message: type[Message]) -> Json:
    golden = Golden.read(path_of(message.TYPE))
    typed = {"properties": {"ce_type": {"const": message.TYPE}}}
    return {
        "name": message.TYPE,
        "title": message.__name__,
        "summary": (getdoc(message) or "").split("\n")[0],
        "contentType": "application/json",
        "headers": {"allOf": [{"$ref": SCHEMAS + CLOUD_EVENT}, typed]},
        "payload": {"$ref": SCHEMAS + message.__name__},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": (getdoc(message.key) or "").split("\n")[0]}}
        },
        "examples": [{"name": "complete", "headers": golden.headers, "payload": golden.payload}],
    }


def _schemas() -> Json:
    models = [(message, "validation") for message in MESSAGES]
    _, schema = models_json_schema(models, ref_template=SCHEMAS + "{model}")  # type: ignore[arg-type]
    return {
        **schema["$defs"],
        CLOUD_EVENT: HEADERS,
        "DeadLetterHeaders": GIVEN_UP,
        "ReplayHeaders": COMES_BACK,
    }
