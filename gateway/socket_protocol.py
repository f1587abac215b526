"""A client's connection once it has become a WebSocket: uvicorn's, ended where the client does not read."""

from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.client_transport import ClientTransport
from gateway.errors import BadRequest, Refusal, ServiceUnavailable
from gateway.refusals import raw


class SocketProtocol(WebSocketsSansIOProtocol):
    """Made by `gateway.protocol.FrontProtocol`, which gives it its ClientTransport."""

    @property
    def client_transport(self) -> ClientTransport:
        """The transport as what it is."""
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
        """It does again."""
        super().resume_writing()
        self.client_transport.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self.client_transport.lost()

    def send_500_response(self) -> None:
        """What uvicorn says where a handshake is broken off by an error, or by the end of the process."""
        if not (self.initial_response or self.handshake_complete):
            self._refuse(ServiceUnavailable("The connection could not be opened: try again shortly."))

    def _refuse(self, refusal: Refusal) -> None:
        self.handshake_complete = self.close_sent = True
        self.transport.write(raw(refusal))
        self.transport.close()
