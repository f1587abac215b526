"""However a connection ends, the hub of its process keeps nothing of it."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections, transaction

from apps.notification import consumers
from apps.notification.consumers import NotificationConsumer
from apps.notification.executors import THREADS
from apps.notification.hub import SOCKETS, Hub
from apps.notification.models import CustomerCursor
from tests.notification.client import bearer

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_SECONDS = 30.0  # seconds


@pytest.fixture
def threads_of_sockets() -> Iterator[None]:
    """The look-ups' threads, which give their connections back when the test ends."""
    yield
    both = threading.Barrier(2)

    def close() -> None:
        both.wait(WAIT_SECONDS)
        connections.close_all()

    for closing in [THREADS.submit(close) for _ in range(2)]:
        closing.result(WAIT_SECONDS)


async def connect_and_vanish(customer: str, hub: Hub) -> None:
    """Do what the server does with a client that went away too long ago: the application is cancelled."""
    token = bearer(customer)["Authorization"].encode()
    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": b"",
        "headers": [(b"authorization", token)],
        "subprotocols": [],
    }
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await messages.put({"type": "websocket.connect"})

    async def send(_: Any) -> None:
        raise AssertionError("nothing can be sent before the database has answered")

    serving = asyncio.create_task(NotificationConsumer()(scope, messages.get, send))
    async with asyncio.timeout(WAIT_SECONDS):
        while customer not in hub._subscriptions:
            assert not serving.done(), serving.result()
            await asyncio.sleep(0.01)
    serving.cancel()
    await asyncio.gather(serving, *_ended(hub), return_exceptions=True)


def _ended(hub: Hub) -> list[asyncio.Task[Any]]:
    for task in hub._tasks:
        task.cancel()
    return [*hub._tasks]


def test_a_client_that_goes_away_while_the_database_is_slow_is_forgotten(
    trusted_realm: None, threads_of_sockets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody calls `disconnect` then. Red when only `disconnect` leaves the hub."""
    hub, customer = Hub(), str(uuid.uuid4())
    monkeypatch.setattr(consumers, "hub", lambda: hub)
    before = SOCKETS._value.get()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {CustomerCursor._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        asyncio.run(connect_and_vanish(customer, hub))
    assert customer not in hub._subscriptions
    assert SOCKETS._value.get() == before
