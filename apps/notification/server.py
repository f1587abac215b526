"""Daphne with what it lacks for long-lived connections.

- A reader that is slow holds its sender up, instead of filling this process's memory.
- A close carries its reason.
- SIGTERM closes every WebSocket with 1012 (Service Restart), so that clients come back to another replica, and
  lets the HTTP requests in hand finish; Daphne by itself cancels both.
"""

import asyncio
import logging
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.server import Server as DaphneServer
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer
from twisted.internet.interfaces import IPushProducer
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogPublisher,
)
from zope.interface import implementer  # type: ignore[import-untyped]

# ruff: noqa: N802, N803 - the names are those of Twisted and autobahn

logger = logging.getLogger(__name__)

RESTART = 1012  # RFC 6455 registry: Service Restart
GRACE = 7.0  # seconds for requests in hand after SIGTERM
DEFAULTS = {
    "verbosity": 0,  # shared.http.middleware writes the access lines
    "http_timeout": 20,
    "websocket_connect_timeout": 10,
    # The next ping must come after the last one's time-out: the library cancels only the newest time-out.
    "ping_interval": 25,
    "ping_timeout": 20,
    # The library measures what leaves by the same limit: the longest notification has 8 KiB.
    "websocket_max_message_size": 16 * 1024,
    "websocket_max_frame_size": 16 * 1024,
    "application_close_timeout": 5,
    "server_name": "",
}


@implementer(IPushProducer)
class Socket(WebSocketProtocol):  # type: ignore[misc]  # the library has no types
    """One WebSocket that knows when its reader cannot keep up."""

    def connectionMade(self) -> None:
        """A fresh connection has room."""
        self._room = asyncio.Event()
        self._room.set()
        super().connectionMade()

    def onOpen(self) -> None:
        """Ask the transport to say when its buffer is full (64 KiB) and when it is empty again."""
        super().onOpen()
        self.transport.unregisterProducer()  # the HTTP channel that took the handshake
        self.transport.registerProducer(self, True)

    async def has_room(self) -> None:
        """Return when the reader has taken what it was sent, or is gone."""
        await self._room.wait()

    def pauseProducing(self) -> None:
        """The buffer is full."""
        self._room.clear()

    def resumeProducing(self) -> None:
        """The buffer is empty."""
        self._room.set()

    def stopProducing(self) -> None:
        """The connection is gone: whoever waits need not."""
        self._room.set()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """However it ended. The library may have unregistered us before: then nobody calls `stopProducing`."""
        self.stopProducing()
        super().onClose(wasClean, code, reason)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Clients have nothing to say. Handing it on would fill a queue, and would put the keep-alive ping off."""

    def serverClose(self, code: int | None = None, reason: str = "") -> None:
        """Close with any code of the registry; the library's public call refuses those below 3000."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code or 1000, reasonUtf8=reason.encode() or None)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """As Daphne does it, with the close's reason."""
        if message["type"] == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.serverClose(message.get("code"), message.get("reason") or "")
        else:
            super().handle_reply(message)


class Server(DaphneServer):  # type: ignore[misc]  # the library has no types
    """Daphne's server with our sockets and an orderly end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, ready_callable=self.prepare, **kwargs)
        self.ports: list[Any] = []

    def prepare(self) -> None:
        """Just before the reactor starts: our socket class, and Twisted's errors in our log."""
        self.ws_factory.protocol = Socket
        self.ws_factory.setProtocolOptions(failByDrop=False)  # who breaks the protocol is told so
        log: Any = STDLibLogObserver("twisted")
        errors: Any = LogLevelFilterPredicate(defaultLogLevel=LogLevel.error)
        observer: Any = FilteringLogObserver(log, [errors])
        globalLogPublisher.addObserver(observer)

    def listen_success(self, port: Any) -> None:
        """Remember the port, to stop listening on it first when the end comes."""
        self.ports.append(port)
        super().listen_success(port)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """An application that sends waits here until its reader has room."""
        await super().handle_reply(protocol, message)
        if isinstance(protocol, Socket):
            await protocol.has_room()

    def kill_all_applications(self) -> Any:
        """What Daphne calls on SIGTERM; the reactor stops when the answer fires."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._finish()))

    async def _finish(self) -> None:
        for port in self.ports:
            port.stopListening()
        for protocol in list(self.connections):
            if isinstance(protocol, Socket):
                protocol.serverClose(RESTART, "This server restarts. Connect again.")
        working = self._applications()
        if working:
            _, late = await asyncio.wait(working, timeout=GRACE)
            for application in late:
                application.cancel()
            logger.info("%d requests and sockets ended, %d were cut off", len(working) - len(late), len(late))

    def _applications(self) -> list[Any]:
        found = [details.get("application_instance") for details in self.connections.values()]
        return [application for application in found if application and not application.done()]


class Command(CommandLineInterface):  # type: ignore[misc]  # the library has no types
    """`daphne`'s command line with defaults for this service."""

    description = "Serve the notification service over HTTP and WebSocket."
    server_class = Server

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(**DEFAULTS)


if __name__ == "__main__":
    Command.entrypoint()
