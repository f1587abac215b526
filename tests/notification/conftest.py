"""The service as it runs: two replicas under Daphne, on a database and a Redis of these tests' own."""

import copy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from tests.notification.client import listening
from tests.notification.processes import Api, Redis, serve_keys, wait_until


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that a test may empty or kill; it must be up again when the test ends."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def service_environment(redis_server: Redis, django_db_setup: None) -> Iterator[dict[str, str]]:
    """The environment of the service's processes."""
    keys = serve_keys()
    database = urlsplit(django_settings.ENVIRONMENT.database_url)._replace(
        path=f"/{connection.settings_dict['NAME']}"
    )
    yield {
        "MICROCOMMERCE_DATABASE_URL": database.geturl(),
        "MICROCOMMERCE_REDIS_URL": redis_server.url,
        "MICROCOMMERCE_KEYCLOAK_URL": f"http://127.0.0.1:{keys.server_port}",
        "MICROCOMMERCE_ISSUER": django_settings.ENVIRONMENT.issuer,
    }
    keys.shutdown()


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes write their logs."""
    return tmp_path_factory.mktemp("logs")


def wait_until_it_listens(api: Api, redis_server: Redis) -> None:
    """A process listens from its first socket on; what is announced before that waits for its look at the rows."""
    server: Any = redis.Redis.from_url(redis_server.url)

    def ears() -> int:
        return sum(count for _, count in server.pubsub_numsub(*server.pubsub_channels("*live")))

    before = ears()
    with listening(api, str(uuid.uuid4())):
        wait_until(lambda: ears() > before, "listening for announcements")


@pytest.fixture(scope="session")
def api(service_environment: dict[str, str], redis_server: Redis, logs: Path) -> Iterator[Api]:
    """The first replica."""
    process = Api(service_environment, logs / "api.log").start()
    wait_until_it_listens(process, redis_server)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def second_api(service_environment: dict[str, str], redis_server: Redis, logs: Path) -> Iterator[Api]:
    """Another replica."""
    process = Api(service_environment, logs / "second-api.log").start()
    wait_until_it_listens(process, redis_server)
    yield process
    process.stop()


@pytest.fixture
def customer() -> str:
    """A customer whom no other test knows."""
    return str(uuid.uuid4())


@pytest.fixture(autouse=True)
def pushing(redis_server: Redis, settings: Settings) -> None:
    """This process announces through the tests' Redis, as `notification-consumer` does."""
    layer = copy.deepcopy(settings.CHANNEL_LAYERS)
    layer["default"]["CONFIG"]["hosts"][0]["address"] = redis_server.url
    settings.CHANNEL_LAYERS = layer
