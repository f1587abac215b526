"""A parked message, apart from the store that keeps it."""

import base64
from dataclasses import dataclass
from typing import Any

from shared.messaging.envelope import Raw
from shared.messaging.models import ParkedMessage


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits for another try. `failures` and `crashes` say how earlier tries ended."""

    id: Any
    raw: Raw
    starts: int
    failures: int

    @property
    def crashes(self) -> int:
        """Tries before this one that did not live to say how they ended."""
        return self.starts - 1 - self.failures


def to_row(raw: Raw) -> ParkedMessage:
    """The row that keeps `raw`, byte for byte."""
    headers = [
        [name, None if value is None else base64.b64encode(value).decode()] for name, value in raw.headers
    ]
    return ParkedMessage(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        headers=headers,
        payload=raw.payload,
    )


def from_row(row: ParkedMessage) -> Parked:
    """The parked message of a row."""
    headers = [(name, None if value is None else base64.b64decode(value)) for name, value in row.headers]
    key = None if row.key is None else bytes(row.key)
    raw = Raw(row.topic, row.partition, row.offset, key, headers, bytes(row.payload))
    return Parked(row.pk, raw, row.starts, row.failures)
