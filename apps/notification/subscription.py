"""What one socket has sent and has still to send: ids strictly rising, no gap, memory that does not grow.

Announcements come when they come: late, twice, in any order, or never. One that follows exactly on what was
sent last is sent as it is. Anything else only says that there is something to read, and the rows after
`last_id` are read from the database, as many at a time as the reader takes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from channels.db import database_sync_to_async
from django.db import Error
from prometheus_client import Counter

from apps.notification.executors import THREADS
from apps.notification.models import Notification
from apps.notification.queries import told_after
from apps.notification.serializers import live_message

logger = logging.getLogger(__name__)

SENT = Counter("notifications_sent_total", "Notifications sent to sockets", ["source"])

PAGE = 50  # rows in memory at once for a socket that has to catch up
WAITING = 16  # announcements kept for a socket that is busy; the rest is read from the database later

Send = Callable[[str], Awaitable[None]]


class Subscription:
    """One customer's notifications after `last_id`, handed to `send` one by one. Not thread-safe."""

    def __init__(self, customer_id: str, send: Send) -> None:
        self.customer_id = customer_id
        self.last_id = 0
        self._send = send
        self._announced: deque[tuple[int, str]] = deque(maxlen=WAITING)
        self._behind = False
        self._wake = asyncio.Event()

    def start_after(self, last_id: int, newest: int) -> None:
        """Say where to begin; call once, before `run` and after announcements can already come."""
        self.last_id = last_id
        self.look(newest)

    def announce(self, notification_id: int, text: str) -> None:
        """There is a new notification. Never blocks."""
        self._announced.append((notification_id, text))
        self._wake.set()

    def look(self, newest: int) -> None:
        """The customer's newest id is `newest`: read what is missing, if anything is."""
        if newest > self.last_id:
            self._behind = True
            self._wake.set()

    async def run(self) -> None:
        """Send for ever. A database that is away is waited for: the next `announce` or `look` tries again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._send_what_is_new()
            except Error as error:
                logger.warning("A socket cannot catch up now: %s", error)

    async def _send_what_is_new(self) -> None:
        while self._behind or self._announced:
            if self._behind:
                await self._read()
            else:
                await self._take()

    async def _take(self) -> None:
        notification_id, text = self._announced.popleft()
        if notification_id == self.last_id + 1:
            await self._deliver(notification_id, text, "announcement")
        else:
            self.look(notification_id)

    async def _read(self) -> None:
        rows = await page_after(self.customer_id, self.last_id)
        self._behind = len(rows) == PAGE
        for row in rows:
            await self._deliver(row.id, live_message(row), "database")

    async def _deliver(self, notification_id: int, text: str, source: str) -> None:
        self.last_id = notification_id
        await self._send(text)
        SENT.labels(source).inc()


def _page_after(customer_id: str, after: int) -> Sequence[Notification]:
    return list(told_after(customer_id, after)[:PAGE])


page_after = database_sync_to_async(_page_after, thread_sensitive=False, executor=THREADS)
