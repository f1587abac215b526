"""A request's body as it is gathered: within its limit, within its time, and all of them within one budget of memory.

A service that runs on WSGI gives a request one of its few threads from the first byte to the answer. So it sees a
request only when all of its body is here: a client that sends slowly costs the gateway some memory and nobody a
thread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from gateway.errors import ContentTooLarge, Overloaded, SlowRequest

if TYPE_CHECKING:
    from gateway.http.exchange import Exchange

Receive = Callable[[], Awaitable[Any]]

IDLE_SECONDS = 10.0  # without a byte


class ClientDisconnected(Exception):
    """The client closed the connection: there is nobody left to answer."""


class BodyBudget:
    """The bytes of request bodies that this process may hold at once, of those that come in or wait for a service."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Hold `size` more bytes. Raises Overloaded."""
        if self.held + size > self._limit:
            raise Overloaded
        self.held += size

    def give_back(self, size: int) -> None:
        """Hold `size` bytes less."""
        self.held -= size


class Body:
    """The body of one request. `limit` in bytes, `seconds` for all of it."""

    def __init__(self, receive: Receive, limit: int, seconds: float, budget: BodyBudget) -> None:
        self._receive = receive
        self._limit = limit
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._budget = budget
        self._size = 0
        self._held = 0
        self.has_more = True

    async def whole(self) -> bytes:
        """All of it, for the caller to `release`. Raises SlowRequest, ContentTooLarge, Overloaded or ClientDisconnected."""
        pieces: list[bytes] = []
        try:
            while self.has_more:
                pieces.append(await self._piece())
            return b"".join(pieces)
        finally:
            pieces.clear()  # an error's traceback would hold them for as long as the refusal takes

    def release(self) -> None:
        """The body has been passed on or is thrown away: its bytes are free for others."""
        self._budget.give_back(self._held)
        self._held = 0

    async def _piece(self) -> bytes:
        latest = min(self._ends_at, asyncio.get_running_loop().time() + IDLE_SECONDS)
        try:
            async with asyncio.timeout_at(latest):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowRequest from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        self.has_more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._budget.take(len(piece))
        self._held += len(piece)
        return piece


class BodyReader:
    """Reads the bodies of requests: `seconds` for each, `budget` for the bytes of all of them."""

    def __init__(self, seconds: float, budget: BodyBudget) -> None:
        self._seconds = seconds
        self._budget = budget

    async def read(self, exchange: "Exchange", limit: int) -> bytes:
        """The whole body of the request, of at most `limit` bytes; held until `exchange.release_body`."""
        if not exchange.has_body:
            return b""
        body = exchange.body = Body(exchange.receive, limit, self._seconds, self._budget)
        return await body.whole()


def too_large(limit: int) -> ContentTooLarge:
    """The refusal of a body over `limit` bytes."""
    return ContentTooLarge(
        f"The body may have at most {limit:,} bytes here." if limit else "No body is taken here."
    )
