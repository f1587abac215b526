"""What the gateway keeps for a signed-in browser, in Redis under the browser's session key.

In a form that the hot path reads with one round trip and without Django.
"""

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.conf import settings

# For Redis: delete KEYS[1] if it still holds ARGV[1], and nothing that came in its place.
DELETE_IF_EQUAL = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
RENEW_SECONDS = 30.0  # an access token this close to its end is replaced before it is used
_KEY = re.compile(r"[a-z0-9]{32}")


def cookie_name() -> str:
    """The name of the cookie that holds a signed-in browser's session key."""
    return "__Host-microcommerce-session" if settings.SESSION_COOKIE_SECURE else "microcommerce-session"


def new_session_key() -> str:
    """A key for a new session: 128 random bits."""
    return secrets.token_hex(16)


def record_name(session_key: str) -> str:
    """The name of a session's record in Redis."""
    return f"gateway:tokens:{session_key}"


def lock_name(session_key: str) -> str:
    """The name of the lock under which a session's tokens are replaced."""
    return f"gateway:renewal:{session_key}"


def index_name(realm_session: str) -> str:
    """The name under which Keycloak's id of a session leads to the session's key."""
    return f"gateway:realm-session:{realm_session}"


def user_name(subject: str) -> str:
    """The name of the list of a user's sessions, oldest first."""
    return f"gateway:sessions:{subject}"


def is_session_key(text: str) -> bool:
    """Whether `text` could be a session's key at all."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one signed-in browser. Times are seconds since the epoch.

    `realm_session` is Keycloak's `sid`, `subject` its id of the user.
    """

    access: str
    refresh: str
    id: str
    realm_session: str
    expires_at: float
    ends_at: float
    subject: str = ""

    @classmethod
    def from_answer(
        cls, answer: Mapping[str, Any], previous: Self | None = None, *, subject: str = ""
    ) -> Self:
        """From what the token endpoint said (RFC 6749, section 5.1); a renewal may leave out what stays the same."""
        now = time.time()
        return cls(
            access=str(answer["access_token"]),
            refresh=str(answer.get("refresh_token") or (previous.refresh if previous else "")),
            id=str(answer.get("id_token") or (previous.id if previous else "")),
            realm_session=str(answer.get("session_state") or (previous.realm_session if previous else "")),
            expires_at=now + float(answer.get("expires_in", 60)),
            ends_at=now + float(answer.get("refresh_expires_in", 1800)),
            subject=previous.subject if previous else subject,
        )

    @classmethod
    def from_json(cls, text: bytes | str) -> Self:
        """The tokens that a session's record in Redis holds."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """The session's record for Redis."""
        return json.dumps(asdict(self))

    @property
    def is_fresh(self) -> bool:
        """Whether the access token can be used without being replaced first."""
        return time.time() < self.expires_at - RENEW_SECONDS

    @property
    def is_usable(self) -> bool:
        """Whether the access token is still good."""
        return time.time() < self.expires_at

    @property
    def seconds_left(self) -> int:
        """How long the session lasts if nobody renews it; at least one second."""
        return max(1, int(self.ends_at - time.time()))
