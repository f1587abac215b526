"""A customer's live connection."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.system.caller import AWAY
from tests.system.waiting import WAIT_SECONDS

Json = dict[str, Any]
PATH = "/ws/notifications/"
PROTOCOL = "microcommerce.v1"


def address(gateway: str, **query: object) -> str:
    """Where the live connection is opened."""
    return gateway.replace("http", "ws", 1) + PATH + (f"?{urlencode(query)}" if query else "")


class Feed:
    """What comes over one connection; ids must rise."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.received: list[Json] = []

    def next(self, within: float = WAIT_SECONDS) -> Json:
        """The next message."""
        message: Json = json.loads(self._connection.recv(timeout=within))
        assert not self.received or message["id"] > self.received[-1]["id"], (self.received, message)
        self.received.append(message)
        return message

    def until(self, order_id: str, event: str, within: float = WAIT_SECONDS) -> Json:
        """The message about an event, and whatever comes before it."""
        deadline = time.monotonic() + within
        for message in self.received:
            if (message["order_id"], message["event"]) == (order_id, event):
                return message
        while True:
            message = self.next(deadline - time.monotonic())
            if (message["order_id"], message["event"]) == (order_id, event):
                return message


@contextlib.contextmanager
def listening(
    gateway: str, token: str, after: int | None = None, *, by_subprotocol: bool = False
) -> Iterator[Feed]:
    """An open connection, with the token in its header or in its subprotocol."""
    url = address(gateway, **({} if after is None else {"after": after}))
    if by_subprotocol:
        connection = opened(url, subprotocols=[Subprotocol(PROTOCOL), Subprotocol(f"bearer.{token}")])
    else:
        connection = opened(url, additional_headers={"Authorization": f"Bearer {token}"})
    with connection:
        yield Feed(connection)


def opened(url: str, **how: Any) -> ClientConnection:
    """A new connection, however often it takes while the service has no time for it, as browsers' pages do it."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection: ClientConnection = connect(url, open_timeout=WAIT_SECONDS, proxy=None, **how)
        except InvalidStatus as refusal:
            if refusal.response.status_code not in AWAY or time.monotonic() > until:
                raise
            time.sleep(1)
        else:
            return connection


def close_code(url: str, **how: Any) -> int | None:
    """The code with which a connection is closed that should never have been let in."""
    with opened(url, **how) as connection:
        return close_code_of(connection)


def close_code_of(connection: ClientConnection) -> int | None:
    """The code with which the server closes a connection on which nothing is said any more."""
    try:
        message = connection.recv(timeout=WAIT_SECONDS)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    raise AssertionError(f"the connection was not closed but got {message!r}")
