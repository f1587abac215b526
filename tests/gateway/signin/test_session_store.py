"""What Redis keeps of browser sessions, and that it goes with them."""

import secrets
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis

from gateway.signin import session_store
from gateway.signin.tokens import Tokens, index_name, record_name, user_name


@pytest.fixture
def redis() -> Redis:
    """The Redis that Django's views use."""
    connection: Redis = get_redis_connection("default")
    return connection


@pytest.fixture
def subject(redis: Redis) -> Iterator[str]:
    """A user without sessions, before and after."""
    subject = secrets.token_hex(8)
    yield subject
    for key in _keys(redis, subject):
        session_store.end(key)
    redis.delete(user_name(subject))


def _tokens(subject: str, realm_session: str = "") -> Tokens:
    now = time.time()
    return Tokens("a", "r", "i", realm_session or secrets.token_hex(8), now + 300, now + 1800, subject)


def _keys(redis: Redis, subject: str) -> list[str]:
    found: list[bytes] = redis.zrange(user_name(subject), 0, -1)  # type: ignore[assignment]
    return [key.decode() for key in found]


def test_a_session_that_ends_leaves_nothing(subject: str, redis: Redis) -> None:
    """Red when Keycloak's id of it still leads to its key, for ten hours."""
    tokens = _tokens(subject)
    key = session_store.begin(tokens)
    assert redis.exists(index_name(tokens.realm_session), record_name(key), user_name(subject)) == 3
    assert session_store.end(key) == tokens
    assert redis.exists(index_name(tokens.realm_session), record_name(key), user_name(subject)) == 0


def test_a_newer_session_of_the_same_realm_session_can_still_be_ended(subject: str, redis: Redis) -> None:
    """Signing in again in one browser goes on with Keycloak's session: its id leads to the newer key."""
    old, new = (session_store.begin(_tokens(subject, "5e55-" + subject)) for _ in range(2))
    session_store.end(old)
    assert session_store.end_realm_session("5e55-" + subject)
    assert not redis.exists(record_name(new))


def test_expired_sessions_push_no_live_one_out(subject: str, redis: Redis) -> None:
    """Red when they count among those that a user may have."""
    most: int = settings.ENVIRONMENT.sessions_per_user
    keys = [session_store.begin(_tokens(subject)) for _ in range(most)]
    redis.delete(*(record_name(key) for key in keys[1:]))  # as time does
    newest = session_store.begin(_tokens(subject))
    assert _keys(redis, subject) == [keys[0], newest]
    assert redis.exists(record_name(keys[0]))
    more = [session_store.begin(_tokens(subject)) for _ in range(most - 1)]
    assert _keys(redis, subject) == [newest, *more], "the oldest one makes room"
