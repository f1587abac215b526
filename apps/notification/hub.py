"""Which sockets this process serves, and the two things that wake them: announcements, and a slow look at the rows.

The look is one query for all customers at once, so that a thousand sockets cost the database what one costs.
It is what keeps the promise; the announcements only make it quick.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from prometheus_client import Gauge

from apps.notification.channel_messages import GROUP, channel_layer, unpack
from apps.notification.executors import newest_ids
from apps.notification.subscription import Subscription

logger = logging.getLogger(__name__)

SOCKETS = Gauge("notification_sockets", "Live connections of this process")

LOOK_EVERY = (10.0, 15.0)  # seconds; drawn anew each time, so that replicas do not look in step
RETRY = 2.0  # seconds between two tries to listen
FIRST_WAIT = 1.0  # seconds that the first sockets of a process wait for it to listen


class Hub:
    """The sockets of one process and one event loop."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._listening = asyncio.Event()

    async def join(self, subscription: Subscription) -> None:
        """From now on `subscription` hears of what is new. A Redis that is away delays this and does not prevent it."""
        self._subscriptions.setdefault(subscription.customer_id, set()).add(subscription)
        SOCKETS.inc()
        if not self._tasks:
            self._tasks = [asyncio.create_task(_for_ever(job)) for job in (self._listen, self._look)]
        if not self._listening.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._listening.wait(), FIRST_WAIT)

    def leave(self, subscription: Subscription) -> None:
        """The socket is gone; safe to repeat."""
        subscriptions = self._subscriptions.get(subscription.customer_id, set())
        if subscription in subscriptions:
            subscriptions.remove(subscription)
            SOCKETS.dec()
        if not subscriptions:
            self._subscriptions.pop(subscription.customer_id, None)

    async def _listen(self) -> None:
        layer = channel_layer()
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            self._listening.set()
            while True:
                self._announce(await layer.receive(channel))
        finally:
            self._listening.clear()
            await layer.flush()

    def _announce(self, message: dict[str, Any]) -> None:
        for live in unpack(message):
            for subscription in self._subscriptions.get(live.customer_id, ()):
                subscription.announce(live.id, live.text)

    async def _look(self) -> None:
        await asyncio.sleep(random.uniform(*LOOK_EVERY))  # noqa: S311 - nobody gains by guessing it
        newest = await newest_ids(list(self._subscriptions))
        for customer_id, last_id in newest.items():
            for subscription in self._subscriptions.get(customer_id, ()):
                subscription.look(last_id)


async def _for_ever(job: Callable[[], Awaitable[None]]) -> NoReturn:
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - whichever store is away, the next try finds it again
            logger.warning("%s: trying again in %.0f s: %r", job.__name__, RETRY, error)
            await asyncio.sleep(RETRY)


@cache
def hub() -> Hub:
    """The hub of this process."""
    return Hub()
