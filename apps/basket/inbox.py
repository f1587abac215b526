"""What the consumer remembers in Redis: an `Inbox` for a store without transactions (ADR 0005).

The memory of what was handled is not here but inside the scripts that bring about the effects, one script
for both: `remove_ordered.lua` remembers orders, `copy_products.lua` compares versions. So a handler may be
given any message again, and "one unit" holds for each message by itself rather than for a batch.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from apps.basket.scripts import redis, run
from shared.contracts import Message
from shared.contracts.topics import ORDERED
from shared.messaging.envelope import Headers, Raw, Received
from shared.messaging.inbox import LEASE, Dispatch
from shared.messaging.parking import Parked

PARKED = "parked"  # a sorted set: the place of each parked message in Kafka, by offset
PROBE = "inbox:probe"
LAST = 2**52  # above every offset, and exact in Redis's numbers


class RedisInbox:
    """The inbox of the basket service."""

    def handle(self, batch: Sequence[Received[Message]], dispatch: Dispatch) -> int:
        """Give everything to `dispatch`: the handlers' scripts know what was handled before."""
        dispatch(batch)
        return len(batch)

    def park(self, messages: Sequence[Raw]) -> None:
        """Keep each message under its place in Kafka, where a second copy changes nothing."""
        with redis().pipeline(transaction=True) as pipe:
            for raw in messages:
                place = _place(raw)
                # What came back as a dead letter is behind what waits already: its offset says nothing of that.
                order = raw.offset if raw.partition >= 0 else LAST + raw.offset
                pipe.zadd(PARKED, {place: order}, nx=True)
                for name, value in _fields(raw).items():
                    pipe.hsetnx(_name(place), name, value)
            pipe.execute()

    def parked_keys(self) -> set[tuple[str, bytes | None]]:
        """Topic and key of every parked message."""
        return {(topic.decode(), key) for topic, key in run("parked_keys", [PARKED])}

    def claim(self) -> Parked | None:
        """The claim and the count of the try are one script, so that two replicas never try a message at once."""
        found = run("claim", [PARKED], [int(LEASE.total_seconds() * 1000), *ORDERED])
        return _parked(dict(zip(found[::2], found[1::2], strict=True))) if found else None

    def handle_parked(self, parked: Parked, message: Received[Message], dispatch: Dispatch) -> None:
        """Killed between the two lines, the message is tried again and its handler finds it handled."""
        dispatch([message])
        self.drop(parked)

    def put_off(self, parked: Parked, seconds: float, error: str) -> None:
        """Count a failed try; the message is due again after `seconds`."""
        run("put_off", [_name(parked.id)], [int(seconds * 1000), error])

    def put_back(self, parked: Parked) -> None:
        """Take back a try that the store broke off; the message is due at once."""
        run("put_back", [_name(parked.id)], [])

    def drop(self, parked: Parked) -> None:
        """Delete a parked message and its place in the queue."""
        with redis().pipeline(transaction=True) as pipe:
            pipe.zrem(PARKED, parked.id)
            pipe.delete(_name(parked.id))
            pipe.execute()

    def is_reachable(self) -> bool:
        """Whether Redis takes writes: one that is full, loading or a mere replica is away, too."""
        return bool(redis().set(PROBE, 1))


def _place(raw: Raw) -> str:
    return f"{raw.topic}/{raw.partition}/{raw.offset}"


def _name(place: str) -> str:
    return f"{PARKED}:{place}"


def _fields(raw: Raw) -> dict[str, Any]:
    headers = [[name, None if value is None else b64encode(value).decode()] for name, value in raw.headers]
    fields: dict[str, Any] = {
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "headers": json.dumps(headers),
        "payload": raw.payload,
        "starts": 0,
        "failures": 0,
        "next_try_at": 0,
    }
    return fields if raw.key is None else {**fields, "key": raw.key}


def _parked(fields: dict[bytes, bytes]) -> Parked:
    raw = Raw(
        topic=fields[b"topic"].decode(),
        partition=int(fields[b"partition"]),
        offset=int(fields[b"offset"]),
        key=fields.get(b"key"),
        headers=_headers(fields[b"headers"]),
        payload=fields[b"payload"],
    )
    return Parked(_place(raw), raw, int(fields[b"starts"]), int(fields[b"failures"]))


def _headers(text: bytes) -> Headers:
    return [(name, None if value is None else b64decode(value)) for name, value in json.loads(text)]
