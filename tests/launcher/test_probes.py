"""How the supervisor tells a server that is well from one that only listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from launcher.supervisor.probes import answers
from launcher.supervisor.specification import Probe, ProbeKind
from tests.launcher.programs import free_port


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[int]:
    """A server that says this to whatever it is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(200)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("kind", "answer", "well"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n\r\n", True),
        ("http", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        ("http", b"", False),
        ("http", b"200\r\n", False),
        ("redis", b"+PONG\r\n", True),
        ("redis", b"-LOADING Redis is loading the dataset in memory\r\n", False),
        ("postgres", b"R\x00\x00\x00\x17", True),
        ("postgres", b"E\x00\x00\x00\x57SFATAL", False),  # "the database system is starting up"
        ("postgres", b"", False),
        ("tcp", b"", True),
    ],
)
async def test_a_server_is_well_when_it_answers_as_one_that_is(
    kind: ProbeKind, answer: bytes, well: bool
) -> None:
    async with saying(answer) as port:
        assert await answers(Probe(kind, port)) is well


@pytest.mark.parametrize("kind", ["http", "redis", "postgres", "tcp"])
async def test_nobody_there_is_not_well(kind: ProbeKind) -> None:
    assert not await answers(Probe(kind, free_port()))


async def test_a_server_that_says_nothing_is_not_well_after_its_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert not await answers(Probe("http", port, timeout=0.1))
