"""What goes to MongoDB, and what waits in the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent


class CommandLog(CommandListener):
    """Notes the names of commands while somebody listens, and what each aggregation and commit asks of MongoDB."""

    def __init__(self) -> None:
        self._heard: list[str] | None = None
        self.concerns: list[Any] = []
        self.pipelines: list[Any] = []

    @contextmanager
    def recording(self) -> Iterator[list[str]]:
        """The list grows inside the block."""
        heard: list[str] = []
        self._heard = heard
        self.concerns.clear()
        self.pipelines.clear()
        try:
            yield heard
        finally:
            self._heard = None

    def started(self, event: CommandStartedEvent) -> None:
        """A command leaves."""
        if self._heard is not None:
            self._heard.append(event.command_name)
            if event.command_name == "aggregate":
                self.pipelines.append(event.command["pipeline"])
            if event.command_name == "commitTransaction":
                self.concerns.append(event.command.get("writeConcern"))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Not of interest."""


def outbox() -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of every message that waits, in the order in which the relay sends them."""
    import json

    from shared.messaging.models import OutboxMessage

    return [(row.headers["ce_type"], json.loads(row.payload)) for row in OutboxMessage.objects.order_by("pk")]
