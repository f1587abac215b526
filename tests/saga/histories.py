"""Sagas that ran on a real platform, kept as files: what came in, and what came of it.

Today's engine must make of each what the engine of its time made, because a saga that began before a release ends
after it. Recorded by `python -m tests.saga.record_histories`; a file is never changed, new ones are added.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from apps.saga import engine
from apps.saga.definition import Definition
from apps.saga.models import Saga
from apps.saga.placement import DEFINITIONS
from shared.contracts import BY_TYPE, Message

FOLDER = Path(__file__).parent / "histories"
BY_ITSELF, BY_HAND = {"timed out", "stuck"}, "woken by hand"
Json = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """One saga: the row it began with, what came in, the commands it sent, the row it ended with."""

    began: Json
    inputs: list[Json]  # at, event, data
    commands: list[Json]  # type, data
    ended: Json

    @classmethod
    def load(cls, file: Path) -> "Recording":
        """What a file says."""
        return cls(**json.loads(file.read_text()))

    def replay(self) -> tuple[Saga, list[Message]]:
        """The saga after every input, and what today's engine has sent."""
        saga, sent = self.beginning(), []
        for each in self.inputs:
            sent += step(saga, DEFINITIONS[saga.kind], each)
        return saga, sent

    def beginning(self) -> Saga:
        """The row that it began with."""
        return Saga(**{**self.began, "order_id": UUID(str(self.began["order_id"]))})


def step(saga: Saga, definition: Definition, given: Mapping[str, Any]) -> list[Message]:
    """One input: what the engine sends because of it under this definition."""
    event, data, now = given["event"], given["data"], datetime.fromisoformat(given["at"])
    if event == "started":
        return engine.start(saga, definition, now)
    if event in BY_ITSELF or event == BY_HAND:
        return engine.wake(saga, definition, now, by_hand=event == BY_HAND)
    return engine.apply(saga, definition, BY_TYPE[event].model_validate(data, strict=False), now)


def as_json(message: Message) -> Json:
    """A command as it stands in a file."""
    return {"type": message.TYPE, "data": json.loads(message.model_dump_json(exclude_none=True))}


def counted(commands: Iterable[Json]) -> Counter[str]:
    """Whatever the order: commands to several topics have none."""
    return Counter(json.dumps(command, sort_keys=True) for command in commands)
