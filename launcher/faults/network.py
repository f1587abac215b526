"""A detour in front of a store: passes everything on, until it is told to refuse, to delay, or to lose answers.

What it loses was done: the request went through, the store did the work, and whoever asked sees its connection
break. It lives in the process of the test that wants it (detours.py sends services through it).
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

HOST = "127.0.0.1"
CHUNK = 65_536


@dataclass
class Detour:
    """Listens on `port` for what is meant for the server at `target`, which its clients know as `known_as`."""

    port: int
    target: int
    known_as: int
    delay: float = 0.0  # seconds before anything is passed on, either way
    refusing: bool = False
    losing: bytes | None = None  # the next answer to a request that contains this is lost; b"": to any
    lost: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self) -> asyncio.Server:
        """Listen from now on."""
        return await asyncio.start_server(self._connected, HOST, self.port)

    def cut(self) -> None:
        """Break every connection that is open."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            onward, away = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, away}
        self._open |= ends
        talk = Conversation(self)
        try:
            await asyncio.gather(talk.requests(reader, away), talk.answers(onward, writer))
        except (OSError, AnswerLost):
            pass  # one end is gone, as the other one learns below
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()


class AnswerLost(Exception):
    """The connection is broken here on purpose."""


@dataclass
class Conversation:
    """One connection: what is asked, and what is answered."""

    detour: Detour
    doomed: bool = False  # the next answer is lost

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the client says."""
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(self.detour.delay)
            losing = self.detour.losing
            if losing is not None and losing in chunk:
                self.detour.losing, self.doomed = None, True
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the store says, unless it is to be lost."""
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(self.detour.delay)
            if self.doomed:
                self.detour.lost += 1
                raise AnswerLost
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError


class Network:
    """Detours, served by a thread of their own from `with` to its end."""

    def __init__(self, detours: dict[str, Detour]) -> None:
        self.detours = detours
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for detour in self.detours.values():
            self._run(detour.serve)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.detours:
            self.heal(name)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def heal(self, name: str) -> None:
        """Everything passes again."""
        detour = self.detours[name]
        detour.delay, detour.refusing, detour.losing = 0.0, False, None

    def refuse(self, name: str) -> None:
        """Connections break, and new ones are refused."""
        self.detours[name].refusing = True
        self._loop.call_soon_threadsafe(self.detours[name].cut)

    def delay(self, name: str, seconds: float) -> None:
        """Whatever passes takes so much longer, each way."""
        self.detours[name].delay = seconds

    def lose(self, name: str, after: bytes) -> None:
        """The answer to the next request that contains `after` is lost."""
        self.detours[name].losing = after

    def _run(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(work(), self._loop).result(5)
