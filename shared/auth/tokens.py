"""Judging an access token, by what makes a good one here (docs/architecture.md; RFC 7519, RFC 8725).

Rules: RFC 8725 (JWT best current practices): the algorithm is fixed by the key and not by the token, keys
come from the realm and never from the token's own header, issuer, audience, type and time are all checked.
"""

import hashlib
import time
from collections import OrderedDict
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from shared.auth.keys import SIGNING, KeySource, SigningKey
from shared.auth.principal import Principal

AUDIENCE = "microcommerce"
LEEWAY = 30  # seconds that two clocks may differ
MAX_TOKEN = 8192  # characters
REMEMBERED = 10_000  # tokens whose verification is not repeated
FORBIDDEN_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit"}


class InvalidToken(Exception):
    """The token is not good; the message says why and is safe to show."""


class KeysUnavailable(InvalidToken):
    """Nothing can be said about any token: the realm's keys cannot be had right now."""


class TokenVerifier:
    """Verifies tokens of one realm; remembers the good ones until they expire. Thread-safe."""

    def __init__(self, issuer: str, keys: KeySource, audience: str = AUDIENCE) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._known: OrderedDict[bytes, Principal] = OrderedDict()

    @property
    def keys(self) -> KeySource:
        """Where the realm's keys come from: one source a process, so that its limit on fetches holds for every use."""
        return self._keys

    def recall(self, token: str) -> Principal | None:
        """The principal of a token that was verified before and has not expired. Never blocks."""
        principal = self._known.get(_digest(token))
        return principal if principal and principal.expires_at + LEEWAY > time.time() else None

    def needs_fetch(self, token: str) -> bool:
        """Whether `verify` would have to ask for the token's key, and so may block."""
        try:
            return self._keys.find(_key_id(token)) is None
        except InvalidToken:
            return False

    def verify(self, token: str) -> Principal:
        """The caller that `token` names; raises InvalidToken. Blocks only where `needs_fetch` says so."""
        principal = self.recall(token)
        if principal is None:
            principal = self._verify(token)
            self._remember(token, principal)
        return principal

    def _verify(self, token: str) -> Principal:
        key_id = _key_id(token)
        key = self._keys.find(key_id) or self._keys.fetch(key_id)
        if key is None and self._keys.is_empty:
            raise KeysUnavailable("The realm's keys cannot be read right now; try again shortly.")
        if key is None:
            raise InvalidToken("The token is signed by a key that the realm does not have.")
        return _principal(self._claims(token, key), token)

    def _claims(self, token: str, key: SigningKey) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, key, algorithms=[SIGNING[key.key_type]]).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidToken("The token's signature is not good.") from error
        _check_times(claims)
        if claims.get("iss") != self._issuer:
            raise InvalidToken("The token comes from another issuer.")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken(f"The token is not meant for {self._audience}.")
        if claims.get("typ") != "Bearer":
            raise InvalidToken("The token is not an access token.")
        return claims

    def _remember(self, token: str, principal: Principal) -> None:
        self._known[_digest(token)] = principal
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _digest(token: str) -> bytes:
    # The whole token is hashed: a prefix would let another signature ride on a remembered token.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _key_id(token: str) -> str:
    if len(token) > MAX_TOKEN:
        raise InvalidToken("The token is too long.")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken("The token is malformed.") from error
    key_id = header.get("kid")
    if header.get("alg") not in SIGNING.values():
        raise InvalidToken("The token is signed with an algorithm that is not accepted.")
    if FORBIDDEN_HEADERS & header.keys() or not isinstance(key_id, str):
        raise InvalidToken("The token's header is not acceptable.")
    return key_id


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    expires_at, not_before = claims.get("exp"), claims.get("nbf", 0)
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or expires_at + LEEWAY <= now:
        raise InvalidToken("The token has expired.")
    if not isinstance(not_before, int | float) or not_before - LEEWAY > now:
        raise InvalidToken("The token is not valid yet.")


def _principal(claims: dict[str, Any], token: str) -> Principal:
    access = claims.get("realm_access")
    roles = access.get("roles") if isinstance(access, dict) else None
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise InvalidToken("The token names no subject.")
    return Principal(
        subject=subject,
        username=str(claims.get("preferred_username") or subject),
        roles=frozenset(role for role in roles if isinstance(role, str))
        if isinstance(roles, list)
        else frozenset(),
        expires_at=float(claims["exp"]),
        token=token,
        email=email if isinstance(email := claims.get("email"), str) else "",
    )
