"""One gateway for most tests, before a service that echoes, one that follows a script, and one that is not there."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis

from tests.gateway.background import Background
from tests.gateway.process import GatewayProcess, free_port, redis_url, running
from tests.gateway.realm import Realm
from tests.gateway.services import EchoService, ScriptedService

StartGateway = Callable[..., AbstractContextManager[GatewayProcess]]


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """A loop for the services."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def realm() -> Iterator[Realm]:
    """The realm that every gateway of the tests trusts."""
    realm = Realm()
    yield realm
    realm.close()


@pytest.fixture(scope="session")
def echo(background: Background) -> Iterator[EchoService]:
    """Plays product, basket, order and notification."""
    service = EchoService(background)
    yield service
    service.close()


@pytest.fixture
def service(echo: EchoService) -> EchoService:
    """The same, having seen nothing yet."""
    echo.seen.clear()
    echo.sockets.clear()
    echo.closes.clear()
    echo.most_written = 0
    return echo


@pytest.fixture(scope="session")
def scripted(background: Background) -> Iterator[ScriptedService]:
    """Plays stock: each test gives it a script."""
    service = ScriptedService(background)
    yield service
    service.close()


@pytest.fixture(scope="session")
def environment(realm: Realm, echo: EchoService, scripted: ScriptedService) -> dict[str, str]:
    """The environment of a gateway before these services; saga is not there."""
    upstreams = dict.fromkeys(("product", "basket", "order", "notification"), echo.url)
    upstreams |= {"stock": scripted.url, "saga": f"http://127.0.0.1:{free_port()}"}
    return {
        "UPSTREAMS": json.dumps(upstreams),
        "ISSUER": settings.ENVIRONMENT.issuer,
        "KEYCLOAK_URL": realm.url,
        "REDIS_URL": redis_url(),
        "LOG_FORMAT": "json",
        "RATE_LIMIT": "1000000",
        "SIGN_IN_LIMIT": "1000000",
        "RATE_WAIT_SECONDS": "15",  # a machine that stands still for a moment must not look like a Redis that is away
        "SHARED_SECONDS": "0",  # what a test asks for reaches the service; see test_sharing
    }


@pytest.fixture(scope="session")
def start_gateway(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> StartGateway:
    """Starts a gateway with some of its environment replaced."""

    def start(*options: str, **replaced: str) -> AbstractContextManager[GatewayProcess]:
        log: Path = tmp_path_factory.mktemp("gateway") / "log"
        return running(log, {**environment, **replaced}, *options)

    return start


@pytest.fixture(scope="session")
def clean_redis() -> Iterator[Redis]:
    """The tests' own Redis database, empty."""
    with Redis.from_url(redis_url()) as redis:
        redis.flushdb()
        yield redis


@pytest.fixture(scope="session")
def gateway(start_gateway: StartGateway, clean_redis: Redis) -> Iterator[GatewayProcess]:
    """A running gateway."""
    with start_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def hasty(start_gateway: StartGateway) -> Iterator[GatewayProcess]:
    """A gateway that waits a second for a client, not longer."""
    with start_gateway(HEAD_SECONDS="1", BODY_SECONDS="1") as gateway:
        yield gateway
