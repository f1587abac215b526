"""The supervisor's socket: a line of JSON asks, a line of JSON answers.

The address of a Unix socket holds 107 bytes, and a checkout may lie deeper than that: both ends go through
the directory's file descriptor, whose name in /proc is always short.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError

SOCKET = "control.sock"
Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class SupervisorAwayError(Exception):
    """No supervisor answers for this directory."""


async def listen(directory: Path, handle: Handler) -> asyncio.Server:
    """Serve `handle` on the directory's socket, in place of a socket that a killed supervisor left."""
    (directory / SOCKET).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    with _short(directory) as address:
        server.bind(address)
    (directory / SOCKET).chmod(0o600)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            answer = await _answer(handle, await reader.readline())
            writer.write(json.dumps(answer).encode() + b"\n")
            with contextlib.suppress(ConnectionError):  # whoever asked has gone; what was asked is done
                await writer.drain()

    return await asyncio.start_unix_server(serve, sock=server, limit=2**20)


async def _answer(handle: Handler, line: bytes) -> dict[str, Any]:
    try:
        return await handle(json.loads(line))
    except (TypeError, ValueError, KeyError) as error:
        return {"error": f"the supervisor does not understand the request: {error}"}


def ask(directory: Path, request: dict[str, Any], timeout: float = 120) -> dict[str, Any]:
    """The supervisor's answer; raises SupervisorAwayError when there is none."""
    try:
        with _short(directory) as address, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout)
            client.connect(address)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline()
    except (FileNotFoundError, ConnectionError) as error:
        raise SupervisorAwayError(str(directory)) from error
    except TimeoutError as error:
        raise LauncherError(
            f"The supervisor of {directory} does not answer in {timeout:.0f} s.",
            "Is the machine very busy, or was it stopped (SIGSTOP)? `manage_all.py logs` shows its log.",
        ) from error
    if not line:
        raise SupervisorAwayError(str(directory))
    answer: dict[str, Any] = json.loads(line)
    return answer


@contextlib.contextmanager
def _short(directory: Path) -> Iterator[str]:
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
