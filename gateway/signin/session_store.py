"""Beginning and ending browser sessions, for Django's views (the hot path reads them in `sessions.py`).

Everything that is stored belongs to somebody who has signed in, and there is so much of it for each user and no
more: whoever shares the Redis with this can be crowded out by nobody (ADR 0011).
"""

import time
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection

from gateway.signin.session_cache import recent
from gateway.signin.tokens import (
    DELETE_IF_EQUAL,
    Tokens,
    index_name,
    new_session_key,
    record_name,
    user_name,
)

LONGEST_SECONDS = 10 * 3600  # as the realm's longest session


def begin(tokens: Tokens) -> str:
    """Sign a browser in: the key of its session, new, so that nobody can have planted it.

    Where that is one session too many for the user, the oldest one ends.
    """
    key, user = new_session_key(), user_name(tokens.subject)
    redis: Any = get_redis_connection("default")
    _forget_expired(redis, user)
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(record_name(key), tokens.as_json(), ex=tokens.seconds_left)
        if tokens.realm_session:
            pipeline.set(index_name(tokens.realm_session), key, ex=LONGEST_SECONDS)
        pipeline.zadd(user, {key: time.time()})
        pipeline.expire(user, LONGEST_SECONDS)
        pipeline.zrange(user, 0, -1 - settings.ENVIRONMENT.sessions_per_user)
        *_, too_many = pipeline.execute()
    for old in too_many:
        end(old.decode())
        redis.zrem(user, old)
    return key


def _forget_expired(redis: Any, user: str) -> None:
    """Sessions that ended by themselves do not count: a live one would have to make room for them."""
    keys = redis.zrange(user, 0, -1)
    records = redis.mget([record_name(key.decode()) for key in keys]) if keys else []
    if expired := [key for key, record in zip(keys, records, strict=True) if record is None]:
        redis.zrem(user, *expired)


def end(key: str) -> Tokens | None:
    """The browser with this session is signed out; what was kept for it."""
    recent.forget(key)
    redis: Any = get_redis_connection("default")
    found = redis.getdel(record_name(key))
    if not found:
        return None
    tokens = Tokens.from_json(found)
    redis.zrem(user_name(tokens.subject), key)
    redis.eval(DELETE_IF_EQUAL, 1, index_name(tokens.realm_session), key)
    return tokens


def end_realm_session(realm_session: str) -> bool:
    """Sign out the browser whose Keycloak session ended; whether there was one."""
    redis: Any = get_redis_connection("default")
    key = redis.getdel(index_name(realm_session))
    return bool(key and end(key.decode()))
