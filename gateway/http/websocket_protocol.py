"""A client's connection once it has become a WebSocket: uvicorn's, ended where the client does not read.

And where it sends frames before it knows that there is a WebSocket: uvicorn would answer them before the handshake.
"""

from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.errors import BadRequest, HttpProblem, ServiceUnavailable
from gateway.http.client_transport import LINGER_SECONDS, ClientTransport
from gateway.http.problem_responses import raw

PONG = b"\x8a"  # the first byte of a whole pong (RFC 6455, section 5.2)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Made by `gateway.http.protocol.HttpProtocol`, which gives it its ClientTransport."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ignores_input = False
        self._pong = b""  # the answer to the newest ping, while the client does not read

    @property
    def client_transport(self) -> ClientTransport:
        """The transport, typed."""
        return cast("ClientTransport", self.transport)

    def open(self, handshake: bytes) -> None:
        """Read the client's handshake; what the library cannot read is refused."""
        self.data_received(handshake)
        if not self.handshake_initiated:
            self._refuse(BadRequest("This does not open a WebSocket."))

    def pause_writing(self) -> None:
        """The client does not read as quickly as it is written to."""
        super().pause_writing()
        self.client_transport.paused()

    def resume_writing(self) -> None:
        """The client reads again; the pong that waited is sent."""
        super().resume_writing()
        self.client_transport.resumed()
        pong, self._pong = self._pong, b""
        if pong and not (self.close_sent or self.transport.is_closing()):
            self.transport.write(pong)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, none before the handshake is answered; those that follow a refusal are thrown away."""
        if self._ignores_input:
            return
        if self.handshake_initiated and not self.handshake_complete:
            self._refuse(
                BadRequest("A WebSocket's opening comes alone: nothing may follow before its answer.")
            )
        else:
            super().data_received(data)

    def handle_ping(self) -> None:
        """Answer what uvicorn has read; while the client does not read, only its newest ping (RFC 6455, section 5.5.3)."""
        frames = self.conn.data_to_send()
        if not self.writable.is_set():
            pongs = [frame for frame in frames if frame[:1] == PONG]
            self._pong = pongs[-1] if pongs else self._pong
            frames = [frame for frame in frames if frame[:1] != PONG]
        self.transport.write(b"".join(frames))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self.client_transport.lost()

    def send_500_response(self) -> None:
        """What uvicorn says where a handshake is broken off by an error, or by the end of the process."""
        if not (self.initial_response or self.handshake_complete):
            self._refuse(ServiceUnavailable("The connection could not be opened: try again shortly."))

    def _refuse(self, problem: HttpProblem) -> None:
        """Answer with a problem document and listen no more; the application is told that the client has gone."""
        self._ignores_input = self.handshake_complete = self.close_sent = self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.transport.write(raw(problem))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
