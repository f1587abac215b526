"""The live connection: `/ws/notifications/?after=ID` (docs/live-notifications.md).

The server first sends everything after `after`, then what comes. Without `after` it sends what comes from the
moment the connection is accepted; an `after` beyond the newest id counts as the newest. Clients have nothing
to say: what they send is ignored.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error

from apps.notification.authentication import authenticate, subprotocol
from apps.notification.errors import BadCursor, NotAuthenticated, NotNow, Refused
from apps.notification.executors import newest_ids
from apps.notification.hub import hub
from apps.notification.queries import parse_after
from apps.notification.subscription import Subscription

logger = logging.getLogger(__name__)

EXPIRED = "The token has expired. Connect again with a fresh one."
BROKEN = 1011  # RFC 6455, section 7.4.1: Internal Error


class NotificationConsumer(AsyncWebsocketConsumer):
    """One live connection."""

    # No channel of its own: it would be a subscription for each socket and a queue that nothing bounds, and a
    # Redis that is away would refuse the connection. The hub listens for all sockets of the process.
    channel_layer_alias = "none"

    subscription: Subscription | None = None
    sender: "asyncio.Task[None] | None" = None
    expiry: asyncio.TimerHandle | None = None
    ending: "asyncio.Task[None] | None" = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection, and leave nothing behind however that ends.

        A client that goes away while a store is slow is not told of by `disconnect`: the server cancels this instead.
        """
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the base class, without its visit to a thread for connections that no handler here uses."""
        handler: Callable[[dict[str, Any]], Awaitable[None]] = getattr(self, get_handler_name(message))
        await handler(message)

    async def connect(self) -> None:
        """Accept in any case: only an accepted connection can be closed with a code that says why."""
        try:
            principal = await authenticate(self.scope)
            subscription = await self._open(principal.subject)
        except Refused as refused:
            logger.info("socket refused: %d %s", refused.code, refused)
            await self.accept(subprotocol(self.scope))
            await self.close(refused.code, str(refused))
            return
        logger.info(
            "socket opened", extra={"customer_id": subscription.customer_id, "after": subscription.last_id}
        )
        await self.accept(subprotocol(self.scope))
        self.sender = asyncio.create_task(subscription.run())
        self.sender.add_done_callback(self._sender_ended)
        self._expire_at(principal.expires_at)

    async def _open(self, customer_id: str) -> Subscription:
        """Join first and look at the rows then: what is written in between is heard of or found."""
        after = self._after()
        self.subscription = subscription = Subscription(customer_id, self.send)
        await hub().join(subscription)
        try:
            newest = (await newest_ids([customer_id])).get(customer_id, 0)
        except Error as error:
            raise NotNow("The notifications cannot be read right now. Try again shortly.") from error
        subscription.start_after(newest if after is None else min(after, newest), newest)
        return subscription

    def _after(self) -> int | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        try:
            return parse_after(query.get("after", []))
        except ValueError as error:
            raise BadCursor(str(error)) from error

    def _expire_at(self, moment: float) -> None:
        loop = asyncio.get_running_loop()
        self.expiry = loop.call_later(
            max(0.0, moment - time.time()), self._end, NotAuthenticated.code, EXPIRED
        )

    def _sender_ended(self, sender: "asyncio.Task[None]") -> None:
        if not sender.cancelled() and (error := sender.exception()):
            logger.error("A socket's sender broke", exc_info=error)
            self._end(BROKEN, "Something broke on our side. Connect again.")

    def _end(self, code: int, reason: str) -> None:
        self.ending = asyncio.create_task(self.close(code, reason))

    async def disconnect(self, code: int) -> None:
        """Say so; what is left behind goes right after it."""
        logger.info("socket closed", extra={"code": code})

    def _leave(self) -> None:
        if self.subscription:
            hub().leave(self.subscription)
        if self.expiry:
            self.expiry.cancel()
        if self.sender:
            self.sender.cancel()


class Nowhere(AsyncWebsocketConsumer):
    """Any other address: the handshake is refused."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Closing before accepting answers the handshake with 403."""
        await self.close()
