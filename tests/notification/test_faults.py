"""Stores that go away, readers that do not read, servers that stop: what was told still arrives, once and in order."""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from apps.notification.models import CustomerCursor, Notification
from tests.notification.builders import tell
from tests.notification.client import bearer, closed_with, hears_nothing, listening, next_ids
from tests.notification.conftest import wait_until_it_listens
from tests.notification.processes import Api, Cable, Redis, free_port, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

POLL = 25.0  # seconds in which the look at the rows certainly comes round
HEALED = 60.0  # seconds in which everything is as before after a fault


@pytest.fixture
def another_api(service_environment: dict[str, str], redis_server: Redis, logs: Path) -> Iterator[Api]:
    """A process for one test, to be stopped by it; idle connections are pinged every few seconds."""
    options = ("--ping-interval", "6", "--ping-timeout", "5")
    process = Api(service_environment, logs / f"{uuid.uuid4()}.log", options).start()
    wait_until_it_listens(process, redis_server)
    yield process
    process.process.kill()
    process.process.wait()


def pushed_again(api: Api) -> bool:
    """Whether an announcement reaches a socket at once."""
    customer = str(uuid.uuid4())
    with listening(api, customer) as probe:
        tell(customer)
        return not hears_nothing(probe, 1.0)


def test_an_emptied_redis_costs_nothing(api: Api, redis_server: Redis, customer: str) -> None:
    with listening(api, customer) as live:
        tell(customer)
        assert next_ids(live, 1) == [1]
        redis.Redis.from_url(redis_server.url).flushall()
        tell(customer)
        assert next_ids(live, 1) == [2]


def test_a_redis_that_is_killed_makes_it_slow_and_loses_nothing(
    api: Api, redis_server: Redis, customer: str
) -> None:
    with listening(api, customer) as before:
        tell(customer)
        assert next_ids(before, 1) == [1]
        redis_server.stop()
        try:
            with listening(api, customer, "?after=0") as during:
                assert next_ids(during, 1) == [1]
                started = time.monotonic()
                tell(customer, 2)
                assert time.monotonic() - started < 10, "the consumer waited for Redis"
                assert next_ids(before, 2, POLL) == [2, 3]
                assert next_ids(during, 2, POLL) == [2, 3]
                redis_server.start()
                wait_until(lambda: pushed_again(api), "announcements coming again", HEALED)
                tell(customer)
                assert next_ids(before, 1) == next_ids(during, 1) == [4]
        finally:
            if not redis_server.is_up():
                redis_server.start()


def test_a_redis_that_hangs_holds_nobody_up(api: Api, redis_server: Redis, customer: str) -> None:
    with listening(api, customer) as live:
        tell(customer)
        assert next_ids(live, 1) == [1]
        redis_server.freeze()
        try:
            started = time.monotonic()
            for _ in range(3):
                tell(customer)
            assert time.monotonic() - started < 5, "the consumer waited for Redis"
            assert next_ids(live, 3, POLL) == [2, 3, 4]
        finally:
            redis_server.thaw()
        wait_until(lambda: pushed_again(api), "announcements coming again", HEALED)
        tell(customer)
        assert next_ids(live, 1) == [5]


def test_a_process_that_starts_without_redis_listens_when_it_comes(
    service_environment: dict[str, str], redis_server: Redis, logs: Path, customer: str
) -> None:
    target = urlsplit(redis_server.url)
    cable = Cable((str(target.hostname), int(target.port or 0)))
    cable.cut()
    environment = {**service_environment, "MICROCOMMERCE_REDIS_URL": f"redis://127.0.0.1:{cable.port}/3"}
    api = Api(environment, logs / "late-redis.log").start(ready=503)
    try:
        tell(customer)
        with listening(api, customer, "?after=0") as live:
            assert next_ids(live, 1) == [1]
            cable.mend()
            wait_until(lambda: pushed_again(api), "announcements", HEALED)
            tell(customer)
            assert next_ids(live, 1) == [2]
        assert api.readiness() == 200
    finally:
        api.stop()


def test_a_database_that_is_away_is_waited_for(
    service_environment: dict[str, str], logs: Path, customer: str
) -> None:
    target = urlsplit(service_environment["MICROCOMMERCE_DATABASE_URL"])
    cable = Cable((str(target.hostname), int(target.port or 5432)))
    url = target._replace(netloc=f"{target.username}:{target.password}@127.0.0.1:{cable.port}").geturl()
    api = Api({**service_environment, "MICROCOMMERCE_DATABASE_URL": url}, logs / "cut.log").start()
    try:
        with listening(api, customer) as live:
            tell(customer)
            assert next_ids(live, 1) == [1]
            cable.cut()
            assert_unavailable(api, customer)
            with listening(api, customer, "?after=0") as refused:
                assert closed_with(refused)[0] == 1013
            tell(customer, 20)  # more than a socket keeps announcements of
            assert hears_nothing(live)
            cable.mend()
            wait_until(lambda: api.readiness() == 200, "readiness", HEALED)
            tell(customer)
            assert next_ids(live, 21) == list(range(2, 23))
            with listening(api, customer, "?after=20") as again:
                assert next_ids(again, 2) == [21, 22]
    finally:
        api.stop()


def assert_unavailable(api: Api, customer: str) -> None:
    started = time.monotonic()
    answer = requests.get(api.url("/api/notifications/"), headers=bearer(customer), timeout=30)
    assert time.monotonic() - started < 15
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert api.readiness() == 503
    assert requests.get(api.url("/health/live"), timeout=5).status_code == 200


def test_without_any_key_the_caller_is_asked_to_come_back(
    service_environment: dict[str, str], logs: Path, customer: str
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    cache = service_environment["MICROCOMMERCE_REDIS_URL"].replace("/3", "/9")  # no key in it either
    environment = {
        **service_environment,
        "MICROCOMMERCE_KEYCLOAK_URL": nobody,
        "MICROCOMMERCE_REDIS_URL": cache,
    }
    api = Api(environment, logs / "no-keys.log").start()
    try:
        with listening(api, customer) as refused:
            assert closed_with(refused) == (
                1013,
                "The realm's keys cannot be read right now; try again shortly.",
            )
    finally:
        api.stop()


# Readers that are slow.

LONG_HISTORY = 10_000  # 12 MB of messages: far more than all buffers between two processes


def remember_much(customer: str) -> None:
    """A customer who was told a great deal."""
    rows = [
        Notification(
            customer_id=customer,
            id=number,
            event="order.shipped",
            order_id=uuid.uuid4(),
            title="t",
            body="b" * 1000,
            data={},
        )
        for number in range(1, LONG_HISTORY + 1)
    ]
    Notification.objects.bulk_create(rows)
    CustomerCursor.objects.create(customer_id=customer, last_id=LONG_HISTORY)


def narrow_connection(api: Api, customer: str) -> connect:
    """A connection that can be handed little at once and pings nobody."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.connect(("127.0.0.1", api.port))
    return connect(
        api.socket_url("?after=0"),
        additional_headers=bearer(customer),
        sock=plug,
        max_queue=4,
        compression=None,
        ping_interval=None,
    )


def sent_so_far(api: Api) -> float:
    return api.metric("notifications_sent_total", '{source="database"}')


def sent_when_stuck(api: Api) -> float:
    """What the server has sent when it sends no more, because nobody reads."""
    last = -1.0
    while last != (sent := sent_so_far(api)):
        last = sent
        time.sleep(1.5)
    return sent


def test_a_slow_reader_gets_everything_and_fills_nobodys_memory(api: Api, customer: str) -> None:
    remember_much(customer)
    before = api.memory()
    largest = 0

    async def read_slowly() -> list[int]:
        nonlocal largest
        seen: list[int] = []
        async with narrow_connection(api, customer) as reader:
            assert await asyncio.to_thread(sent_when_stuck, api) - before_it < LONG_HISTORY / 2
            async for text in reader:
                seen.append(json.loads(text)["id"])
                if len(seen) % 1000 == 0:
                    largest = max(largest, api.memory())
                if seen[-1] == LONG_HISTORY:
                    return seen
        return seen

    before_it = sent_so_far(api)
    assert asyncio.run(read_slowly()) == list(range(1, LONG_HISTORY + 1))
    assert largest - before < 6 * 2**20


async def fall_asleep(api: Api, customer: str, asleep: threading.Event, wake: threading.Event) -> int:
    """Read one message and sleep; returns how many more there were when it woke."""
    more = 0
    async with narrow_connection(api, customer) as sleeper:
        await sleeper.recv()
        asleep.set()
        await asyncio.to_thread(wake.wait)
        with suppress(ConnectionClosedError):
            async for _ in sleeper:
                more += 1
    return more


def test_a_reader_that_sleeps_holds_nobody_up_and_is_dropped(another_api: Api, customer: str) -> None:
    remember_much(customer)
    neighbour = str(uuid.uuid4())
    asleep, wake = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        sleeper = threads.submit(asyncio.run, fall_asleep(another_api, customer, asleep, wake))
        try:
            assert asleep.wait(30)
            with listening(another_api, neighbour) as socket:
                tell(neighbour)
                assert next_ids(socket, 1) == [1]
            another_api.wait_for_metric("notification_sockets", 0)
        finally:
            wake.set()
        assert sleeper.result() < LONG_HISTORY / 2


def test_a_client_that_floods_fills_nobodys_memory(api: Api, customer: str) -> None:
    with listening(api, customer) as flooding, listening(api, customer) as other:
        flooding.send("x")
        before = api.memory()
        for _ in range(20_000):
            flooding.send("x" * 1000)
        tell(customer)
        assert next_ids(flooding, 1, 30.0) == next_ids(other, 1) == [1]
        assert api.memory() - before < 6 * 2**20


# Servers that stop.


def test_a_server_that_stops_says_so_and_the_next_one_goes_on(
    another_api: Api, api: Api, customer: str
) -> None:
    with listening(another_api, customer) as live:
        tell(customer)
        assert next_ids(live, 1) == [1]
        assert another_api.stop() < 8
        assert closed_with(live) == (1012, "This server restarts. Connect again.")
    tell(customer)
    with listening(api, customer, "?after=1") as live:
        assert next_ids(live, 1) == [2]


def test_a_server_that_is_killed_is_replaced_by_another(another_api: Api, api: Api, customer: str) -> None:
    with listening(another_api, customer) as live:
        tell(customer)
        assert next_ids(live, 1) == [1]
        another_api.process.kill()
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=30)
    tell(customer)
    with listening(api, customer, "?after=1") as live:
        assert next_ids(live, 1) == [2]
