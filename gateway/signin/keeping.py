"""Writing and ending browser sessions, for Django's views (the hot path reads them in `sessions.py`)."""

from typing import Any

from django_redis import get_redis_connection

from gateway.signin.recent import recent
from gateway.signin.tokens import Tokens, index_name, record_name


def keep(session_key: str, tokens: Tokens) -> None:
    """From now on the browser with this session is signed in."""
    redis: Any = get_redis_connection("default")
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(record_name(session_key), tokens.as_json(), ex=tokens.seconds_left)
        if tokens.realm_session:
            pipeline.set(index_name(tokens.realm_session), session_key, ex=LONGEST_SECONDS)
        pipeline.execute()


def end(session_key: str) -> Tokens | None:
    """The browser with this session is signed out; what was kept for it."""
    recent.forget(session_key)
    redis: Any = get_redis_connection("default")
    found = redis.getdel(record_name(session_key))
    return Tokens.from_json(found) if found else None


def end_realm_session(realm_session: str) -> bool:
    """Sign out the browser whose Keycloak session ended; whether there was one."""
    redis: Any = get_redis_connection("default")
    session_key = redis.getdel(index_name(realm_session))
    return bool(session_key and end(session_key.decode()))


LONGEST_SECONDS = 10 * 3600  # as the realm's longest session
