"""From the consumer to the API processes: an announcement after the commit, which may be lost.

The consumer is synchronous and the channel layer is not, and the layer's connections belong to the event loop
they were made on. So one thread runs one loop for as long as the process lives. Nothing here holds the
consumer up: when Redis is away announcements are dropped, and every socket finds the rows by its own poll.
"""

import asyncio
import atexit
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache

from prometheus_client import Counter

from apps.notification.channel_messages import GROUP, channel_layer, pack
from apps.notification.models import Notification

logger = logging.getLogger(__name__)

PUSHES = Counter("notification_pushes_total", "Announcements to the API processes", ["outcome"])

TIMEOUT = 2.0  # seconds for one announcement
MAX_WAITING = 50  # announcements that wait for Redis; more would only come too late
DRAIN_SECONDS = 1.0  # seconds that a process which stops gives to what it has said already


class Broadcaster:
    """Sends announcements in order from a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._waiting = 0
        threading.Thread(target=self._loop.run_forever, name="broadcast", daemon=True).start()

    def broadcast(self, told: Sequence[Notification]) -> None:
        """Announce `told`. Returns at once and never raises for a layer that is away."""
        if self._waiting >= MAX_WAITING:
            PUSHES.labels("dropped").inc()
            return
        self._waiting += 1
        announcement = asyncio.run_coroutine_threadsafe(self._send(told), self._loop)
        announcement.add_done_callback(self._done)

    async def _send(self, told: Sequence[Notification]) -> None:
        async with asyncio.timeout(TIMEOUT):
            await channel_layer().group_send(GROUP, pack(told))

    def _done(self, announcement: "Future[None]") -> None:
        self._waiting -= 1
        error = announcement.exception()
        PUSHES.labels("failed" if error else "sent").inc()
        if error:
            logger.warning("An announcement was lost, the sockets will find its rows: %r", error)

    def finish(self) -> None:
        """Let what was announced leave before the process ends."""
        drained = asyncio.run_coroutine_threadsafe(self._until_quiet(), self._loop)
        try:
            drained.result(DRAIN_SECONDS)
        except TimeoutError:
            logger.warning("%d announcements did not leave in time", self._waiting)

    async def _until_quiet(self) -> None:
        while self._waiting:  # noqa: ASYNC110 - once, at the end: not worth an event for each announcement
            await asyncio.sleep(0.01)


@cache
def broadcaster() -> Broadcaster:
    """The one pusher of this process, made with the first announcement."""
    made = Broadcaster()
    atexit.register(made.finish)
    return made


def broadcast(told: Sequence[Notification]) -> None:
    """Announce `told` from wherever this is called."""
    broadcaster().broadcast(told)
