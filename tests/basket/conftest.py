"""A Redis database of the tests' own, and a catalogue to shop from."""

from typing import Any

import pytest
from django_redis import get_redis_connection
from pytest_django import Settings

from tests.basket import shop

TEST_DATABASE = 12


@pytest.fixture(autouse=True)
def redis(settings: Settings) -> Any:
    """An empty Redis database; a service that runs on the same server is not disturbed."""
    server = settings.CACHES["default"]["LOCATION"].rpartition("/")[0]
    settings.CACHES = {
        "default": {
            **settings.CACHES["default"],
            "LOCATION": f"{server}/{TEST_DATABASE}",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 30, "SOCKET_TIMEOUT": 30},  # a slow machine is no fault
        }
    }
    connection = get_redis_connection("default")
    connection.flushdb()
    return connection


@pytest.fixture
def catalogue(redis: Any) -> None:
    """A pen for 1.20, a cup for 8.50 and a hat for 25.00, all sold; and nothing else."""
    shop.know_every_product()
    shop.offer(shop.PEN, "Pen", "1.20")
    shop.offer(shop.CUP, "Cup", "8.50")
    shop.offer(shop.HAT, "Hat", "25.00")
