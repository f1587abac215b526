"""The connections to one service: reused, limited in number, and tried a second time only where that is safe."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.proxy.circuit_breaker import CircuitBreaker
from gateway.proxy.http_client import Connection, Stale, TimedOut, Unreachable
from gateway.route_types import SAFE

CONNECT_SECONDS = 2.0
IDLE_SECONDS = 20.0  # shorter than the 30 s after which granian closes a connection that asks nothing
MAX_CONNECTIONS = 256  # to one service, from one process


@dataclass(slots=True)
class Call:
    """One request to a service; `seconds` until the answer begins."""

    method: str
    head: bytes
    body: bytes
    seconds: float

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice is the same as sending it once."""
        return self.method in SAFE


class Upstream:
    """One service, at `url` (http://host:port, or https)."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.host = address.hostname or ""
        self._ssl = ssl.create_default_context() if address.scheme == "https" else None
        self.port = address.port or (443 if self._ssl else 80)
        self._breaker = CircuitBreaker()
        self._idle: list[tuple[float, Connection]] = []
        self._open = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def call(self, call: Call) -> Connection:
        """Send `call` and wait for the answer's head. The caller must `release` what is returned.

        Raises Unreachable, Stale, Broken or TimedOut (gateway.proxy.http_client).
        """
        if not self._breaker.lets_through(asyncio.get_running_loop().time()):
            raise Unreachable(f"{self.host}:{self.port} has not been answering")
        try:
            answer = await self._try(call)
        except TimedOut:
            self._breaker.timed_out(asyncio.get_running_loop().time())
            raise
        self._breaker.answered()
        return answer

    async def _try(self, call: Call) -> Connection:
        try:
            return await self._exchange(await self._connection(), call)
        except Stale:
            if not call.is_repeatable:
                raise
        return await self._exchange(await self._connect(), call)

    def release(self, connection: Connection) -> None:
        """The exchange is over: keep the connection for the next one, or close it."""
        if connection.is_reusable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
            self._next()
        else:
            connection.abort()

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop()[1].abort()

    async def _exchange(self, connection: Connection, call: Call) -> Connection:
        try:
            connection.begin(call.method, call.head + call.body)
            await connection.head(call.seconds)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connection(self) -> Connection:
        while True:
            now = asyncio.get_running_loop().time()
            while self._idle:
                since, connection = (
                    self._idle.pop()
                )  # the one used last, so that the others may grow old and go
                if connection.is_open and now - since < IDLE_SECONDS:
                    return connection
                connection.abort()
            if self._open < MAX_CONNECTIONS:
                return await self._connect()
            await self._turn()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        self._open += 1
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._lost), self.host, self.port, ssl=self._ssl
                )
        except OSError as error:
            self._lost()
            raise Unreachable(f"{self.host}:{self.port}: {error!r}") from error
        except BaseException:
            self._lost()
            raise
        return connection

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await turn
        except TimeoutError as error:
            raise Unreachable(f"{self.host}:{self.port}: {MAX_CONNECTIONS} requests are under way") from error

    def _lost(self, _: Connection | None = None) -> None:
        self._open -= 1
        self._next()

    def _next(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
