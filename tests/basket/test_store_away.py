"""Redis is away: an answer within 5 s, and everything works again when it is back."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from redis import RedisError
from rest_framework.test import APIClient

from apps.basket.inbox import RedisInbox
from shared.settings.service import cache
from tests.basket import shop
from tests.basket.servers import OwnRedis
from tests.basket.shop import BASKET, PEN, item_url, quantities

WAIT_SECONDS = 15.0  # seconds: two for the connection, two for the answer, and what a busy machine adds
WRITES: dict[str, Callable[[APIClient], Any]] = {
    "set": lambda client: client.put(item_url(PEN), {"quantity": 2}),
    "replace": lambda client: client.put(BASKET, {"items": [{"product_id": PEN, "quantity": 2}]}),
    "remove": lambda client: client.delete(item_url(PEN)),
    "clear": lambda client: client.delete(BASKET),
}
REQUESTS: dict[str, Callable[[APIClient], Any]] = {"read": lambda client: client.get(BASKET), **WRITES}


@pytest.fixture
def own_redis(settings: Settings, tmp_path: Path) -> Iterator[OwnRedis]:
    """The service uses a server that the test may break; Alice has a pen in her basket."""
    server = OwnRedis(tmp_path)
    settings.CACHES = {"default": cache(server.url, settings.SERVICE_NAME)}
    assert sum(settings.CACHES["default"]["OPTIONS"].values()) < 5
    shop.know_every_product()
    shop.offer(PEN, "Pen", "1.20")
    yield server
    server.thaw()
    server.kill()


@pytest.fixture
def shopper(own_redis: OwnRedis, customer_client: APIClient) -> APIClient:
    assert customer_client.put(item_url(PEN), {"quantity": 1}).status_code == 200
    return customer_client


def test_the_redis_that_baskets_live_in_forgets_nothing(redis: Any) -> None:
    """The launcher's own server is asked. Red when a restart or a full memory would cost baskets."""
    names = "appendonly", "appendfsync", "maxmemory-policy"
    found = {name: redis.config_get(name)[name] for name in names}
    assert found == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}


def assert_unavailable(client: APIClient, requests: dict[str, Callable[[APIClient], Any]]) -> None:
    for name, send in requests.items():
        started = time.monotonic()
        response = send(client)
        assert response.status_code == 503, name
        assert time.monotonic() - started < WAIT_SECONDS
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["type"].endswith("/problems/store-unavailable")
        assert response["Retry-After"]


def test_a_redis_that_was_killed(own_redis: OwnRedis, shopper: APIClient) -> None:
    own_redis.snapshot()
    own_redis.kill()

    assert_unavailable(shopper, REQUESTS)
    assert shopper.get("/health/ready").status_code == 503
    assert shopper.get("/health/live").status_code == 200

    own_redis.start()
    assert quantities(shopper.get(BASKET).json()) == {PEN: 1}
    assert shopper.get("/health/ready").json()["checks"] == {"redis": "ok"}


def test_a_redis_that_was_restarted_between_two_requests(own_redis: OwnRedis, shopper: APIClient) -> None:
    own_redis.snapshot()
    own_redis.kill()
    own_redis.start()

    assert shopper.put(item_url(PEN), {"quantity": 3}).status_code == 200


def test_a_redis_that_is_silent(own_redis: OwnRedis, shopper: APIClient) -> None:
    own_redis.freeze()

    assert_unavailable(shopper, {"read": REQUESTS["read"], "set": REQUESTS["set"]})

    own_redis.thaw()
    assert shopper.get(BASKET).status_code == 200


def test_a_redis_that_takes_no_writes(own_redis: OwnRedis, shopper: APIClient) -> None:
    inbox = RedisInbox()
    assert inbox.is_reachable()

    for name, value in (("maxmemory", "1"), ("maxmemory", "0")):
        own_redis.client.config_set(name, value)
        if value == "1":
            assert_unavailable(shopper, {name: WRITES[name] for name in ("set", "replace")})
            with pytest.raises(RedisError):
                inbox.is_reachable()

    assert shopper.put(item_url(PEN), {"quantity": 5}).status_code == 200


def test_a_redis_that_became_a_replica(own_redis: OwnRedis, shopper: APIClient) -> None:
    own_redis.client.replicaof("127.0.0.1", "9")

    assert_unavailable(shopper, WRITES)
    with pytest.raises(RedisError):
        RedisInbox().is_reachable()

    own_redis.client.replicaof("NO", "ONE")
    assert shopper.put(item_url(PEN), {"quantity": 5}).status_code == 200
