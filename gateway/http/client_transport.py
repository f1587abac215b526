"""A client's connection as the server writes to it: it ends where the client does not take what is written.

asyncio waits for ever for a client that does not read, also when the connection was closed: what was written stays
in memory, and whoever writes stays with it. Here a client has to take some of it within every so many seconds.
"""

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_SECONDS = 1.0  # so long is read and thrown away after a refusal, so that the client gets to read it
LEAST_TAKEN = 16 * 1024  # bytes; asyncio lets a writer go on when no more than that is left


class ClientTransport(asyncio.Transport):
    """Wraps `transport`; `lost` is called once, when the connection has ended.

    While writing waits, and while the connection closes, the client must take LEAST_TAKEN bytes within `seconds`, or
    all that is left; otherwise the connection is aborted.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        lost: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._when_lost = lost
        self._is_lost = False
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None

    # -- what the protocols tell it

    def paused(self) -> None:
        """Writing has to wait for the client (`pause_writing`)."""
        if self._timer is None and not self._is_lost:
            self._unsent = self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(self._seconds, self._look)

    def resumed(self) -> None:
        """Writing may go on (`resume_writing`)."""
        if not self._transport.is_closing():
            self._stop()

    def lost(self) -> None:
        """The connection has ended (`connection_lost`)."""
        self._stop()
        if not self._is_lost:
            self._is_lost = True
            self._when_lost()

    def _look(self) -> None:
        self._timer = None
        if self._unsent - self._transport.get_write_buffer_size() < LEAST_TAKEN:
            self._transport.abort()
        else:
            self.paused()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what they ask of it (asyncio.Transport)

    def close(self) -> None:
        """Close when what was written has left; abort when the client does not take it."""
        self._transport.close()
        self.paused()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        self._transport.write(data)

    def write_eof(self) -> None:
        """Say that nothing more will be sent."""
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Whether that can be said."""
        return self._transport.can_write_eof()

    def is_closing(self) -> bool:
        """Whether it closes or is closed."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Receive nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that were written and have not left."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What asyncio knows of the connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who is told of what comes in from now on."""
        self._transport.set_protocol(protocol)
