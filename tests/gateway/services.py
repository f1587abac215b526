"""Servers that play the services behind the gateway and remember what reached them.

`EchoService` is a real HTTP server (aiohttp) that does what the query's `do` asks for. `ScriptedService`
writes bytes to the wire as they were given to it, for answers that no sane server gives.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.gateway.background import Background

PIECE = b"x" * 65536


GO_ON_SECONDS = 60  # longer than any test waits: what goes on by itself would hide that nobody could let it


@dataclass
class Seen:
    """A request as it came to a service; `go_on` lets an answer take its next step.

    Without a thread for whoever waits: an answer that nobody lets go on would hold it for the tests that follow.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    _steps: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def go_on(self) -> None:
        """Let the answer take its next step, from the test's thread."""
        self._loop.call_soon_threadsafe(self._steps.release)

    async def step(self) -> None:
        """Wait until the test lets the answer go on."""
        async with asyncio.timeout(GO_ON_SECONDS):
            await self._steps.acquire()

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class EchoService:
    """Answers every path; what came in is in `seen`."""

    def __init__(self, background: Background) -> None:
        self.seen: list[Seen] = []
        self.sockets: list[Seen] = []
        self.closes: list[tuple[int | None, str]] = []
        self.most_written = 0
        self._background = background
        self.url = background.run(self._start())

    async def _start(self) -> str:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("GET", "/ws/notifications/", self._socket)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, auto_decompress=False, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def close(self) -> None:
        """Stop serving."""
        self._background.run(self._runner.cleanup())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.raw_path,
            [(k.decode(), v.decode("latin-1")) for k, v in request.raw_headers],
        )
        self.seen.append(seen)
        deed = getattr(self, "_do_" + request.query.get("do", "echo"))
        answer: web.StreamResponse = await deed(request, seen)
        return answer

    async def _do_echo(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        seen.body = await request.read()
        return web.json_response({"method": seen.method, "target": seen.target, "size": len(seen.body)})

    async def _do_headers(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        headers = {
            "Set-Cookie": "session=stolen", "X-Powered-By": "chance", "Server": "secret/1.0", "X-Hop": "named",
            "Connection": "X-Hop", "ETag": '"v1"', "Location": "/api/products/1/", "X-Frame-Options": "ALLOWALL",
            "X-Request-ID": "another",
        }  # fmt: skip
        return web.json_response({}, headers=headers)

    async def _do_status(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(float(request.query.get("seconds", 0)))
        return web.Response(status=int(request.query["status"]), headers={"ETag": '"v1"'})

    async def _do_catalogue(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        query = request.query
        body = b"%06d" % len(self.seen) + b"x" * int(query.get("size", "0"))
        await asyncio.sleep(float(query.get("seconds", "0")))
        names = {
            "etag": "ETag",
            "vary": "Vary",
            "cache": "Cache-Control",
            "revision": "Catalogue-Revision",
        }
        headers = {"ETag": '"v1"', "Vary": "Accept"} | {
            names[name]: value for name, value in query.items() if name in names
        }
        return web.Response(body=body, headers={name: value for name, value in headers.items() if value})

    async def _do_stream(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        answer = web.StreamResponse()
        pieces = int(request.query["pieces"])
        if "length" in request.query:
            answer.content_length = pieces * len(PIECE)
        await answer.prepare(request)
        for index in range(pieces):
            await answer.write(PIECE)
            self.most_written = (index + 1) * len(PIECE)
        return answer

    async def _do_refuse_early(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        return web.json_response({"refused": True}, status=403)

    async def _do_drip(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for letter in (b"a", b"b", b"c"):
            await answer.write(letter)
            await seen.step()
        return answer

    async def _do_late(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await seen.step()
        await answer.write(b"late")
        return answer

    async def _do_wait(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(float(request.query["seconds"]))
        return web.json_response({"waited": True})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.sockets.append(Seen("GET", request.raw_path, list(request.headers.items())))
        if request.query.get("do") == "open_late":
            await self.sockets[-1].step()
        socket = web.WebSocketResponse(protocols=("microcommerce.v1",), max_msg_size=0)
        await socket.prepare(request)
        if deed := request.query.get("do"):
            await getattr(self, "_socket_" + deed)(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str("echo " + message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(b"echo " + message.data)
        self.closes.append((socket.close_code, ""))
        return socket

    async def _socket_open_late(self, socket: web.WebSocketResponse) -> None:
        """It was late before it was open."""

    async def _socket_close(self, socket: web.WebSocketResponse) -> None:
        await socket.close(code=4401, message=b"expired")

    async def _socket_drop(self, socket: web.WebSocketResponse) -> None:
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.abort()

    async def _socket_flood(self, socket: web.WebSocketResponse) -> None:
        for index in range(2000):
            await socket.send_str(json.dumps({"id": index}) + "x" * 65536)
            self.most_written = index


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedService:
    """Calls `script` for every connection; `connections` counts them and `requests` keeps the heads that came."""

    background: Background
    script: Script | None = None
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    url: str = ""
    _open: dict[asyncio.StreamWriter, "asyncio.Task[None]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = self.background.run(self._start())

    async def _start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            if self.script:
                await self.script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the gateway hung up, or the tests are over
        finally:
            writer.close()
            self._open.pop(writer, None)

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open."""
        return bool(self._open)

    def reset(self) -> None:
        """Hang up, end scripts that wait for something, forget what came, have no script."""
        self.script = None
        self.background.run(self._hang_up())
        self.connections = 0
        self.requests.clear()

    async def _hang_up(self) -> None:
        for writer, task in [*self._open.items()]:
            writer.transport.abort()
            task.cancel()
        await asyncio.sleep(0.05)  # for the gateway to notice

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """The head of the next request on a connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        return head

    def close(self) -> None:
        """Stop serving."""
        self.background.loop.call_soon_threadsafe(self._server.close)
