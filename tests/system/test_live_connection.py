"""The WebSocket beyond the life of one order."""

import contextlib
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from launcher.instance import ROOT
from tests.system.keycloak import Account, Keycloak
from tests.system.platform import Platform
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.sockets import PROTOCOL, address, close_code, close_code_of, listening, opened


def test_two_windows_hear_the_same_and_nobody_else_does(
    platform: Platform, shop: Shop, shopper: Shopper, other: Shopper
) -> None:
    """Every connection of a customer gets everything, and only theirs. Red without `live.customer_id` in `Hub._announce`."""
    piece, gateway = shop.product(stock=10), platform.urls["gateway"]
    assert shopper.log_in
    assert other.log_in
    with contextlib.ExitStack() as stack:
        windows = [stack.enter_context(listening(gateway, shopper.log_in.token)) for _ in range(2)]
        neighbour = stack.enter_context(listening(gateway, other.log_in.token))
        mine, theirs = shopper.place((piece, 1)), other.place((piece, 1))
        for window in windows:
            window.until(mine, "order.confirmed")
        neighbour.until(theirs, "order.confirmed")
    assert all([message["order_id"] for message in window.received] == [mine] for window in windows)
    assert [message["order_id"] for message in neighbour.received] == [theirs]


def test_the_server_speaks_the_protocol_that_was_offered(platform: Platform, shopper: Shopper) -> None:
    """A browser drops a connection whose protocol is not answered. Red without `PROTOCOL` in `gateway.proxy.websocket_proxy._accept`."""
    assert shopper.log_in
    offered = [Subprotocol(PROTOCOL), Subprotocol(f"bearer.{shopper.log_in.token}")]
    with opened(address(platform.urls["gateway"]), subprotocols=offered) as connection:
        assert connection.subprotocol == PROTOCOL


def test_the_example_client(platform: Platform, keycloak: Keycloak, shop: Shop) -> None:
    """`examples/follow_notifications.py` tells alice of her order. Red when what it relies on changes."""
    offset = str((urlsplit(platform.urls["gateway"]).port or 0) - 8000)
    command = [sys.executable, "examples/follow_notifications.py", "--user", "alice", "--port-offset", offset]
    alice = Shopper(platform.urls["gateway"], keycloak.log_in(Account("alice", "alice")))
    piece = shop.product(stock=1)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as client:
        try:
            assert client.stdout
            assert client.stdout.readline() == "connected\n"
            alice.place((piece, 1))
            assert "order.confirmed" in client.stdout.readline()
        finally:
            client.terminate()


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
def test_a_place_to_resume_from_that_is_none(after: str, platform: Platform, shopper: Shopper) -> None:
    """A wrong `after` is said to be wrong. Red without `AFTER` in `parse_after`."""
    assert shopper.log_in
    headers = {"Authorization": f"Bearer {shopper.log_in.token}"}
    assert close_code(address(platform.urls["gateway"], after=after), additional_headers=headers) == 4400


def test_a_page_of_another_site_does_not_ride_on_a_cookie(platform: Platform) -> None:
    """A foreign Origin with a cookie is refused before anything is looked at. Red without `raise ForeignOrigin`."""
    with pytest.raises(InvalidStatus) as refusal:
        connect(
            address(platform.urls["gateway"]),
            additional_headers={"Cookie": "sessionid=whatever"},
            origin=Origin("https://evil.example"),
            proxy=None,
        )
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("door", ["gateway", "own port"])
def test_it_ends_with_its_token(door: str, platform: Platform, keycloak: Keycloak, shopper: Shopper) -> None:
    """When the token expires the connection is closed with 4401.

    Red at the service's own port without `self._expire_at`; at the gateway when neither of the two looks at the clock.
    """
    assert shopper.account
    at = platform.urls["gateway"] if door == "gateway" else platform.door("notification")
    with keycloak.client_with_short_tokens(seconds=10) as client:
        token = keycloak.grant(shopper.account, client)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with opened(address(at), additional_headers=headers) as connection:
            connection.ping().wait(30)  # it was let in
            assert close_code_of(connection) == 4401
