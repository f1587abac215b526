"""Who is calling: the caller that a request's access token or a browser's session names."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from gateway.errors import BadToken, IdentityUnavailable
from gateway.http.exchange import Exchange
from gateway.route_types import Role
from gateway.signin import csrf
from gateway.signin.sessions import Sessions, SessionsUnavailable
from shared.auth import InvalidToken, KeysUnavailable, Principal, TokenVerifier

logger = logging.getLogger(__name__)

BEARER = b"bearer "
SUBPROTOCOL_BEARER = "bearer."  # before a token that a browser's script sends, which cannot set a header


class Authentication:
    """Verifies tokens with the realm's keys, those of browsers' sessions too."""

    def __init__(self, verifier: TokenVerifier, sessions: Sessions) -> None:
        self._verifier = verifier
        self._sessions = sessions
        # One thread: whatever key ids arrive, one question to Keycloak at a time and no other work is held up.
        self._fetching = ThreadPoolExecutor(1, "keys")

    async def identify(self, exchange: Exchange) -> Principal | None:
        """The caller that the request's token or session names; None where it has neither.

        A token that was sent must be good. A session that has ended is no session, and one whose token is no longer
        good is renewed, or is none: a browser is never refused for what the gateway keeps for it.
        """
        if exchange.opens_websocket and (token := _subprotocol_token(exchange)) is not None:
            exchange.is_identified = True
            return await self.verify(token)
        given = exchange.headers.read.get(b"authorization")
        if given is None:
            return await self._identify_browser(exchange)
        exchange.is_identified = True  # or refused: a token that is not good is nobody's
        if not given[:7].lower() == BEARER:
            raise BadToken("Only Bearer tokens are accepted.")
        return await self.verify(given[7:].strip().decode("latin-1"))

    async def _identify_browser(self, exchange: Exchange) -> Principal | None:
        cookies = exchange.headers.read.get(b"cookie")
        key = exchange.session_key = self._sessions.key(cookies) if cookies else None
        if key is None:
            exchange.is_identified = True
            return None
        try:
            found = await self._identify_session(exchange, key)
        except (SessionsUnavailable, IdentityUnavailable):
            if exchange.route is None or exchange.route.who is not Role.ANYONE:
                raise
            csrf.check(exchange, key)
            return None
        exchange.is_identified = True
        return found

    async def _identify_session(self, exchange: Exchange, key: str) -> Principal | None:
        access = await self._sessions.access_token(key)
        if access is None:
            return None
        csrf.check(exchange, key)
        try:
            return await self.verify(access)
        except BadToken as error:  # the realm's keys were exchanged, or the realm itself
            logger.info("A session's access token is no longer good: %s", error)
        access = await self._sessions.replace(key, access)
        try:
            return await self.verify(access) if access else None
        except BadToken as error:
            logger.warning("A session's new access token is not good either: %s", error)
            self._sessions.distrust(key)
            return None

    async def verify(self, token: str) -> Principal:
        """The caller that `token` names; raises BadToken, and IdentityUnavailable where nothing can be said of it."""
        principal = self._verifier.recall(token)
        if principal is not None:
            return principal
        try:
            if self._verifier.needs_fetch(token):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._fetching, self._verifier.verify, token)
            return self._verifier.verify(token)
        except KeysUnavailable as error:
            raise IdentityUnavailable from error
        except InvalidToken as error:
            raise BadToken(str(error)) from error


def _subprotocol_token(exchange: Exchange) -> str | None:
    for offered in exchange.scope["subprotocols"]:
        if offered.startswith(SUBPROTOCOL_BEARER):
            return str(offered.removeprefix(SUBPROTOCOL_BEARER))
    return None
