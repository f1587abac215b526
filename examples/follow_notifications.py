"""Follow a customer's notifications live, over as many connections as it takes, without a gap and without a repetition.

    .venv/bin/python examples/follow_notifications.py --user alice [--after 17] [--port-offset N]

What every client of `/ws/notifications/` does: remember the last id that it has seen, connect with `?after=` that id,
and connect again whenever the connection ends. Close code 4401 says that the token has run out: get a fresh one first.
The token travels in the subprotocol, as a browser's JavaScript would have to send it; never in the address.
"""

import argparse
import asyncio
import json
import sys
from urllib.parse import urlencode
from urllib.request import urlopen

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

UNAUTHENTICATED = 4401
FINAL = {4400, 4403}  # a wrong `after`; no customer of the shop
LONGEST_WAIT = 30.0  # seconds between two tries


def token(keycloak: str, user: str) -> str:
    """An access token of a development user, whose password is its name."""
    form = {"grant_type": "password", "client_id": "microcommerce-cli", "username": user, "password": user}
    address = f"{keycloak}/realms/microcommerce/protocol/openid-connect/token"
    with urlopen(address, urlencode(form).encode(), timeout=10) as answer:  # noqa: S310 - an address of our own
        return str(json.load(answer)["access_token"])


async def follow(gateway: str, keycloak: str, user: str, after: int | None) -> None:
    """Print each notification as it comes, until interrupted."""
    failures = 0
    while True:
        try:
            bearer = await asyncio.to_thread(token, keycloak, user)
            after = await one_connection(gateway, bearer, after)
            failures = 0
        except (OSError, InvalidStatus) as error:
            failures += 1
            say(f"not connected: {error}")
        await asyncio.sleep(min(2.0 ** min(failures, 5), LONGEST_WAIT))


async def one_connection(gateway: str, bearer: str, after: int | None) -> int | None:
    """Print what one connection brings; the last id that was seen, to go on after."""
    query = "" if after is None else f"?after={after}"
    address = f"{gateway.replace('http', 'ws', 1)}/ws/notifications/{query}"
    protocols = [Subprotocol("microcommerce.v1"), Subprotocol(f"bearer.{bearer}")]
    async with connect(address, subprotocols=protocols, proxy=None) as socket:
        say("connected")
        try:
            while True:
                told = json.loads(await socket.recv())
                after = told["id"]
                say(f"{told['id']:>6}  {told['event']:<18} {told['title']}")
        except ConnectionClosed:
            code = socket.close_code
    if code in FINAL:
        raise SystemExit(f"refused ({code}): connecting again would change nothing")
    why = "the token has run out" if code == UNAUTHENTICATED else "the connection ended"
    say(f"{why} ({code}); connecting again")
    return after


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Understand the arguments and follow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--user", default="alice")
    parser.add_argument("--after", type=int, help="send everything after this id first; default: what is new")
    parser.add_argument("--port-offset", type=int, default=0)
    chosen = parser.parse_args()
    gateway, keycloak = (f"http://localhost:{port + chosen.port_offset}" for port in (8000, 8080))
    asyncio.run(follow(gateway, keycloak, chosen.user, chosen.after))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
