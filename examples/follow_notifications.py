"""Follow a customer's notifications live, over as many connections as it takes, without a gap and without a repetition.

    .venv/bin/python examples/follow_notifications.py --user alice [--after 17] [--port-offset N]

What every client of `/ws/notifications/` does: remember the last id that it has seen, connect with `?after=` that id,
and connect again whenever the connection ends. Close code 4401 says that the token has run out: get a fresh one first.
The token travels in the subprotocol, as a browser's JavaScript would have to send it; never in the address.
"""

import argparse
import asyncio
import sys

import aiohttp

UNAUTHENTICATED = 4401
FINAL = {4400, 4403}  # a wrong `after`; no customer of the shop
LONGEST_WAIT = 30.0  # seconds between two tries


async def token(http: aiohttp.ClientSession, keycloak: str, user: str) -> str:
    """An access token of a development user, whose password is its name."""
    form = {
        "grant_type": "password",
        "client_id": "microcommerce-cli",
        "username": user,
        "password": user,
    }
    address = f"{keycloak}/realms/microcommerce/protocol/openid-connect/token"
    async with http.post(address, data=form) as answer:
        answer.raise_for_status()
        return str((await answer.json())["access_token"])


async def follow(gateway: str, keycloak: str, user: str, after: int | None) -> None:
    """Print each notification as it comes, until interrupted."""
    async with aiohttp.ClientSession() as http:
        failures = 0
        while True:
            try:
                bearer = await token(http, keycloak, user)
                after = await one_connection(http, gateway, bearer, after)
                failures = 0
            except aiohttp.ClientError as error:
                failures += 1
                say(f"not connected: {error}")
            await asyncio.sleep(min(2.0 ** min(failures, 5), LONGEST_WAIT))


async def one_connection(
    http: aiohttp.ClientSession, gateway: str, bearer: str, after: int | None
) -> int | None:
    """Print what one connection brings; the last id that was seen, to go on after."""
    address = f"{gateway.replace('http', 'ws', 1)}/ws/notifications/"
    query = {} if after is None else {"after": str(after)}
    protocols = ("microcommerce.v1", f"bearer.{bearer}")
    async with http.ws_connect(address, params=query, protocols=protocols) as socket:
        say("connected")
        async for message in socket:
            told = message.json()
            after = told["id"]
            say(f"{told['id']:>6}  {told['event']:<18} {told['title']}")
        if socket.close_code in FINAL:
            raise SystemExit(f"refused ({socket.close_code}): connecting again would change nothing")
        why = "the token has run out" if socket.close_code == UNAUTHENTICATED else "the connection ended"
        say(f"{why} ({socket.close_code}); connecting again")
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
