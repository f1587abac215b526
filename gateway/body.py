"""A request's body as it comes in: within its limit, within its time, never held whole unless it is small."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from gateway.errors import ContentTooLarge, SlowRequest

Receive = Callable[[], Awaitable[Any]]

IDLE_SECONDS = 10.0  # without a byte


class ClientGone(Exception):
    """The client closed the connection: there is nobody left to answer."""


class Body:
    """The body of one request. `limit` in bytes, `seconds` for all of it."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._size = 0
        self.has_more = True

    async def piece(self) -> bytes:
        """The next piece. Raises SlowRequest, ContentTooLarge or ClientGone."""
        latest = min(self._ends_at, asyncio.get_running_loop().time() + IDLE_SECONDS)
        try:
            async with asyncio.timeout_at(latest):
                message = await self._receive()
        except TimeoutError as error:
            raise SlowRequest from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.has_more = message.get("more_body", False)
        body: bytes = message.get("body", b"")
        self._size += len(body)
        if self._size > self._limit:
            raise too_large(self._limit)
        return body

    async def first(self, size: int) -> bytes:
        """All of a body that has at most `size` bytes, or about so many of a longer one."""
        body = await self.piece()
        while self.has_more and len(body) < size:
            body += await self.piece()
        return body

    async def rest(self) -> AsyncIterator[bytes]:
        """Whatever `first` left."""
        while self.has_more:
            yield await self.piece()


def too_large(limit: int) -> ContentTooLarge:
    """The refusal of a body over `limit` bytes."""
    return ContentTooLarge(
        f"The body may have at most {limit:,} bytes here." if limit else "No body is taken here."
    )
