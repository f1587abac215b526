"""Who opens a WebSocket: the token in its header or in its subprotocol, never one in the address."""

from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async

from apps.notification.errors import NotAllowed, NotAuthenticated, NotNow
from shared.auth import InvalidToken, KeysUnavailable, Principal
from shared.auth.verifier import verifier

PROTOCOL = "microcommerce.v1"
TOKEN_PREFIX = "bearer."  # noqa: S105 - the prefix that stands before a token

Scope = Mapping[str, Any]


async def authenticate(scope: Scope) -> Principal:
    """The customer who opens this connection; raises NotAuthenticated, NotAllowed or NotNow."""
    try:
        principal = await _verify(_token(scope))
    except KeysUnavailable as error:
        raise NotNow(str(error)) from error
    except InvalidToken as error:
        raise NotAuthenticated(str(error)) from error
    if not principal.is_customer:
        raise NotAllowed("This needs the role customer.")
    return principal


def subprotocol(scope: Scope) -> str | None:
    """What the handshake answers: a client that offers our protocol must see it chosen."""
    return PROTOCOL if PROTOCOL in scope["subprotocols"] else None


async def _verify(token: str) -> Principal:
    known = verifier()
    if known.needs_fetch(token):
        return await sync_to_async(known.verify, thread_sensitive=False)(token)
    return known.verify(token)


def _token(scope: Scope) -> str:
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    if headers:
        return _in_header(headers)
    offered = [name for name in scope["subprotocols"] if name.startswith(TOKEN_PREFIX)]
    if PROTOCOL not in scope["subprotocols"] or len(offered) != 1:
        raise InvalidToken(f"Send Authorization: Bearer, or offer {PROTOCOL}, {TOKEN_PREFIX}<token>.")
    return str(offered[0].removeprefix(TOKEN_PREFIX))


def _in_header(values: list[bytes]) -> str:
    scheme, _, token = values[0].partition(b" ")
    if len(values) > 1 or scheme.lower() != b"bearer":
        raise InvalidToken("Only one Bearer token is accepted.")
    return token.strip().decode("latin-1")
