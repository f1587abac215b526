"""Ask a process whether it is well, without a client library: the supervisor stays small."""

import asyncio
import struct

from launcher.supervisor.specification import Probe

HOST = "127.0.0.1"
# PostgreSQL's start-up message, protocol 3.0 (postgresql.org/docs/current/protocol-message-formats.html)
_STARTUP = b"user\0probe\0database\0probe\0\0"
_STARTUP_MESSAGE = struct.pack("!ii", len(_STARTUP) + 8, 196608) + _STARTUP


async def answers(probe: Probe) -> bool:
    """Whether the process answers as it does when it is well; never raises for a network failure."""
    try:
        async with asyncio.timeout(probe.timeout):
            return await _ask(probe)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def _ask(probe: Probe) -> bool:
    reader, writer = await asyncio.open_connection(HOST, probe.port)
    try:
        if probe.kind == "tcp":
            return True
        writer.write(_question(probe))
        await writer.drain()
        return _is_well(
            probe, await reader.readline() if probe.kind != "postgres" else await reader.readexactly(1)
        )
    finally:
        writer.close()


def _question(probe: Probe) -> bytes:
    if probe.kind == "postgres":
        return _STARTUP_MESSAGE
    if probe.kind == "redis":
        return b"PING\r\n"
    return f"GET {probe.path} HTTP/1.1\r\nHost: localhost:{probe.port}\r\nConnection: close\r\n\r\n".encode()


def _is_well(probe: Probe, answer: bytes) -> bool:
    if probe.kind == "postgres":
        return answer == b"R"  # it asks who we are; while it recovers it sends an error instead
    if probe.kind == "redis":
        return answer.startswith(b"+PONG")
    return answer.split(b" ")[1:2] == [b"200"]
