"""A client of the WebSocket, for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shared.testing.tokens import make_token
from tests.notification.processes import Api

SOON = 9.0  # seconds in which a push certainly comes, and in which no poll must be needed
QUIET = 1.0  # seconds to listen before "nothing came" is believed


@contextmanager
def listening(api: Api, customer: str, query: str = "") -> Iterator[ClientConnection]:
    """A live connection of `customer`."""
    with connect(api.socket_url(query), additional_headers=bearer(customer)) as socket:
        yield socket


def bearer(customer: str, **claims: Any) -> dict[str, str]:
    """The header that names `customer`."""
    return {"Authorization": f"Bearer {make_token(customer, **claims)}"}


def next_message(socket: ClientConnection, seconds: float = SOON) -> dict[str, Any]:
    """The next message; fails when none comes in time."""
    message: dict[str, Any] = json.loads(socket.recv(timeout=seconds))
    return message


def next_ids(socket: ClientConnection, count: int, seconds: float = SOON) -> list[int]:
    """The ids of the next `count` messages."""
    return [next_message(socket, seconds)["id"] for _ in range(count)]


def hears_nothing(socket: ClientConnection, seconds: float = QUIET) -> bool:
    """Whether no message comes for a while."""
    try:
        socket.recv(timeout=seconds)
    except TimeoutError:
        return True
    return False


def closed_with(socket: ClientConnection, seconds: float = 30.0) -> tuple[int, str]:
    """The code and the reason with which the server closes this connection."""
    with pytest.raises(ConnectionClosed) as ended:
        listen_for_ever(socket, seconds)
    close = ended.value.rcvd
    assert close is not None, "the connection broke without a close"
    return close.code, close.reason


def listen_for_ever(socket: ClientConnection, seconds: float) -> NoReturn:
    """Raises ConnectionClosed at the end, TimeoutError when nothing comes for so many seconds."""
    while True:
        socket.recv(timeout=seconds)
