"""A pool of connections that looks at them without asking PostgreSQL."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from shared.postgresql.base import DatabaseWrapper, has_news


@pytest.fixture
def pooled(transactional_db: None) -> Iterator[DatabaseWrapper]:
    """The test's own database, through a pool of one connection."""
    settings: dict[str, Any] = connection.settings_dict.copy()
    options = {**settings["OPTIONS"], "pool": {"min_size": 1, "max_size": 1, "timeout": 3}}
    wrapper = DatabaseWrapper(
        {**settings, "OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}, "default"
    )
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def backend_of(wrapper: DatabaseWrapper) -> int:
    """Which of PostgreSQL's processes answers; the connection goes back to the pool."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = int(cursor.fetchone()[0])
    wrapper.close()
    return pid


def end(pid: int) -> None:
    """PostgreSQL closes that connection, and is done with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone()[0]


def test_a_connection_is_lent_again_and_nothing_is_asked_of_it(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with Django's own look, which is a round trip for each request."""
    first = backend_of(pooled)
    asked: list[Any] = []
    monkeypatch.setattr(psycopg.Connection, "execute", lambda *args, **_: asked.append(args))
    assert backend_of(pooled) == first
    assert not asked


def test_a_connection_that_postgresql_closed_is_not_lent(pooled: DatabaseWrapper) -> None:
    """Red without the look: the first request after a restart of PostgreSQL was answered 503."""
    first = backend_of(pooled)
    end(first)
    assert backend_of(pooled) != first


def test_something_unread_is_no_end(pooled: DatabaseWrapper) -> None:
    """PostgreSQL may say something by itself. Red when whatever is unread makes a new connection."""
    with pooled.cursor() as cursor:
        cursor.execute("LISTEN something")
    lent = pooled.connection
    pooled.close()
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY something")
    until = time.monotonic() + 10
    while not has_news(lent.fileno()):
        assert time.monotonic() < until
        time.sleep(0.01)
    pooled.ensure_connection()
    assert pooled.connection is lent


def test_a_store_that_is_away_is_said_to_be_away(pooled: DatabaseWrapper) -> None:
    """Within the pool's time-out. Red when the look goes on for ever."""
    pid = backend_of(pooled)
    pooled.settings_dict["PORT"] = "1"
    pooled.pool.kwargs["port"] = 1
    end(pid)
    with pytest.raises(OperationalError):
        backend_of(pooled)
