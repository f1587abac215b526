"""Browser sessions on the hot path: from a cookie to an access token that is good, and keeps being good.

Keycloak rotates refresh tokens: using one twice ends the session. So a session's tokens are replaced under a
lock in Redis, by one request of one process; whoever comes meanwhile waits for the outcome.
"""

import asyncio
import json
import logging
import secrets
from http import HTTPStatus
from urllib.parse import urlencode

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.errors import ServiceUnavailable
from gateway.proxy.http_client import ServiceError
from gateway.proxy.upstream import Call, Upstream
from gateway.signin import oidc_endpoints
from gateway.signin.session_cache import recent
from gateway.signin.tokens import (
    DELETE_IF_EQUAL,
    Tokens,
    index_name,
    is_session_key,
    lock_name,
    record_name,
    user_name,
)

logger = logging.getLogger(__name__)

LOCK_SECONDS = 10  # longer than Keycloak is waited for
WAIT_SECONDS = 4.5  # for another request to replace the tokens
RENEWAL_SECONDS = 4.0  # for Keycloak to answer
LOOK_EVERY_SECONDS = 0.05
DISTRUST_SECONDS = (
    5.0  # so long a session whose new token was not good either is none, and Keycloak is left alone
)


class SessionsUnavailable(ServiceUnavailable):
    """Whether this browser is signed in cannot be found out right now."""

    slug = "sessions-unavailable"
    detail = "Your sign-in cannot be looked up right now. Try again shortly."


class Sessions:
    """Finds the access token behind a session's cookie. `cookie` is the cookie's name."""

    def __init__(self, redis: Redis, keycloak: Upstream, cookie: str, secret: str) -> None:
        self._redis = redis
        self._keycloak = keycloak
        self._prefix = cookie.encode() + b"="
        self._secret = secret
        self._unlock = redis.register_script(DELETE_IF_EQUAL)

    def key(self, cookies: bytes) -> str | None:
        """The session key in a Cookie header: the first of our name that can be one.

        A browser may send several cookies of one name (RFC 6265, section 5.4), of other paths or other programs.
        """
        for cookie in cookies.split(b";"):
            name = cookie.strip()
            if name.startswith(self._prefix):
                found = name[len(self._prefix) :].decode("latin-1")
                if is_session_key(found):
                    return found
        return None

    async def access_token(self, key: str) -> str | None:
        """The session's access token, replaced if need be; None where nobody is signed in.

        Raises SessionsUnavailable.
        """
        if recent.knows(key):
            return recent.get(key)
        return await self._look_up(key)

    async def replace(self, key: str, bad: str) -> str | None:
        """The session's access token in place of `bad`, which no longer verifies; None where the session has ended.

        Raises SessionsUnavailable.
        """
        recent.forget(key)
        return await self._look_up(key, bad)

    def distrust(self, key: str) -> None:
        """Nobody is signed in with this session for the next seconds."""
        recent.put(key, None, DISTRUST_SECONDS)

    async def _look_up(self, key: str, bad: str = "") -> str | None:
        try:
            tokens = await self._current(key, bad)
        except (RedisError, OSError) as error:
            logger.warning("Sessions cannot be read: %s", error)
            raise SessionsUnavailable from error
        recent.put(key, tokens.access if tokens else None)
        return tokens.access if tokens else None

    async def _current(self, key: str, bad: str) -> Tokens | None:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            tokens = await self._read(key)
            if tokens is None or _is_good(tokens, bad):
                return tokens
            mark = secrets.token_hex(8)
            if await self._redis.set(lock_name(key), mark, nx=True, ex=LOCK_SECONDS):
                try:
                    return await self._renewed(key, bad)
                finally:
                    await self._unlock(keys=[lock_name(key)], args=[mark])
            if asyncio.get_running_loop().time() > deadline:
                return _as_long_as_it_lasts(tokens, bad)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _read(self, key: str) -> Tokens | None:
        found = await self._redis.get(record_name(key))
        return Tokens.from_json(found) if found else None

    async def _renewed(self, key: str, bad: str) -> Tokens | None:
        tokens = await self._read(key)  # another request may have been quicker
        if tokens is None or _is_good(tokens, bad):
            return tokens
        try:
            status, body = await self._ask(tokens.refresh)
        except (ServiceError, TimeoutError) as error:
            logger.warning("Keycloak cannot be asked for new tokens: %s", error)
            return _as_long_as_it_lasts(tokens, bad)
        if status == HTTPStatus.OK:
            renewed = Tokens.from_answer(json.loads(body), tokens)
            # Only if it is still there: whoever signed out meanwhile stays signed out.
            kept = await self._redis.set(
                record_name(key), renewed.as_json(), ex=renewed.seconds_left, xx=True
            )
            return renewed if kept else None
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.info("A session ended with Keycloak", extra={"status": status})
            await self._forget(key, tokens)
            return None
        return _as_long_as_it_lasts(tokens, bad)

    async def _forget(self, key: str, tokens: Tokens) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(record_name(key))
            pipeline.eval(DELETE_IF_EQUAL, 1, index_name(tokens.realm_session), key)
            pipeline.zrem(user_name(tokens.subject), key)
            await pipeline.execute()

    async def _ask(self, refresh_token: str) -> tuple[int, bytes]:
        form = {
            "grant_type": "refresh_token",
            "client_id": oidc_endpoints.CLIENT,
            "client_secret": self._secret,
            "refresh_token": refresh_token,
        }
        body = urlencode(form).encode()
        head = (
            f"POST {oidc_endpoints.path('token')} HTTP/1.1\r\nhost: {self._keycloak.host}:{self._keycloak.port}\r\n"
            f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(RENEWAL_SECONDS):
            answer = await self._keycloak.call(Call("POST", head.encode(), body, RENEWAL_SECONDS))
            try:
                found = b""
                while piece := await answer.read(RENEWAL_SECONDS):
                    found += piece
                return answer.status, found
            finally:
                self._keycloak.release(answer)


def _is_good(tokens: Tokens, bad: str) -> bool:
    return tokens.is_fresh and tokens.access != bad


def _as_long_as_it_lasts(tokens: Tokens, bad: str) -> Tokens:
    if tokens.is_usable and tokens.access != bad:
        return tokens
    raise SessionsUnavailable
