"""A client that sends exactly what it is told, also what no library would send."""

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.testing.tokens import ALICE, MIA, make_token

Headers = Iterable[tuple[str, str]]
WAIT_SECONDS = 20.0  # seconds for what must come; a wait that ends when it does costs nothing


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of the problem's type."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body)
        document = self.json()
        assert document["status"] == self.status
        assert {"type", "title", "status", "detail", "instance", "trace_id"} <= document.keys()
        return str(document["type"].rpartition("/problems/")[2])


def as_customer(subject: str = ALICE) -> tuple[str, str]:
    """The header of a customer's token."""
    return ("Authorization", f"Bearer {make_token(subject)}")


def as_manager() -> tuple[str, str]:
    """The header of a manager's token."""
    return ("Authorization", f"Bearer {make_token(MIA, ('manager',))}")


def call(
    port: int,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes | None = None,
    *,
    host: str = "localhost",
) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", host), *headers):
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send_raw(port: int, data: bytes, *, seconds: float = WAIT_SECONDS, finish: bool = False) -> bytes:
    """Everything that comes back for `data` until the connection closes; after `seconds`, so far, then b"<open>"."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        return receive(connection)


def receive(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes, or b"<open>" at the end where it does not."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except TimeoutError:
        found += b"<open>"
    except ConnectionResetError:
        found += b"<reset>"
    return found


def status_of(raw: bytes) -> int:
    """The status of a raw answer."""
    return int(raw.split(b" ", 2)[1])
