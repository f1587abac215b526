"""A dead letter that comes back: to the service that gave it up, on a topic of its own, and to nobody else (ADR 0016).

On the topic it came from it would be the newest message of its key, which a compacted topic keeps instead of the
right one; and it would reach services that have handled it long ago and may have forgotten its id.
"""

from dataclasses import replace

from shared.contracts.topics import REPLAYS, TOPICS
from shared.messaging.dead_letters import PREFIX
from shared.messaging.envelope import Headers, Raw

Header = tuple[str, bytes | None]

ORIGIN = "replay_topic"  # the header that names the topic which the message belongs to
NAMES = {topic.name for topic in TOPICS}


def addressed(topic: str, service: str, headers: Headers) -> tuple[str, list[Header]] | None:
    """Where a dead letter of `service` goes whose message was on `topic`, and with which headers.

    None where nobody could take it: no such service takes messages, or there is no such topic.
    """
    if service not in REPLAYS or topic not in NAMES:
        return None
    kept = [(name, value) for name, value in headers if not name.startswith(PREFIX) and name != ORIGIN]
    return REPLAYS[service].name, [*kept, (ORIGIN, topic.encode())]


def original(raw: Raw) -> Raw:
    """The message that came back as `raw`, as it was on its own topic.

    Its partition is below zero, so that its place is no other message's. One that says of no topic that it belongs
    there is at fault, and a dead letter of the topic that it came on.
    """
    topic = next((value or b"" for name, value in raw.headers if name == ORIGIN), b"").decode(
        "utf-8", "replace"
    )
    if topic not in NAMES:
        return replace(raw, fault=raw.fault or f"The header {ORIGIN} names no topic.")
    headers = [(name, value) for name, value in raw.headers if name != ORIGIN]
    return replace(raw, topic=topic, partition=-1 - raw.partition, headers=headers)
