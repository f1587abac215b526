"""Fixtures of the product service's tests: a real MongoDB, emptied between tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymongo.monitoring
import pytest

from tests.product.commands import CommandLog
from tests.product.mongod import Mongod

if TYPE_CHECKING:
    from pytest_django import Settings

    from apps.product.models import Category, Product

MakeProduct = Callable[..., "Product"]
MakeCategory = Callable[..., "Category"]
CommandsIn = Callable[[], AbstractContextManager[list[str]]]

LOG = CommandLog()
pymongo.monitoring.register(LOG)  # before the first client is made


@pytest.fixture(autouse=True)
def empty_store(transactional_db: None) -> Iterator[None]:
    """Every test starts with nothing: Django's own atomic() does nothing on MongoDB, so nothing rolls back."""
    from apps.product.mongodb import mongo

    yield
    assert mongo.session is None, "A transaction was left open."


@pytest.fixture(autouse=True)
def no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that a busy machine holds up is answered all the same."""
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", 60.0)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: "Settings") -> Iterator[Path]:
    """Where this test's pictures are kept."""
    from apps.product import picture_files

    folder = tmp_path / "media"
    place = {"BACKEND": "apps.product.media.MediaFolder", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": place, "reading": place}
    yield folder
    picture_files._failures.cache_clear()


@pytest.fixture
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds no gap between the others goes on looking for a minute: a machine that stalls is no contention."""
    monkeypatch.setattr("apps.product.transactions.WAIT_SECONDS", 60.0)


@pytest.fixture
def commands_in() -> CommandsIn:
    """`with commands_in() as commands:` notes the name of every command that goes to MongoDB meanwhile."""
    return LOG.recording


@pytest.fixture
def make_category() -> MakeCategory:
    """Sets up a category: `make_category("Kitchen")`."""
    from apps.product import operations

    def make(name: str = "Kitchen", **fields: Any) -> "Category":
        wanted: Any = {"name": name, **fields}
        return operations.create_category(wanted)

    return make


@pytest.fixture
def make_product() -> MakeProduct:
    """Brings a product into the catalogue: `make_product("Mug", price=Decimal(5))`."""
    from apps.product import operations

    def make(name: str = "Mug", **fields: Any) -> "Product":
        wanted: Any = {"name": name, "price": Decimal("12.50"), "currency": "EUR", **fields}
        return operations.create_product(wanted)

    return make


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A mongod that the test may kill; this process uses it instead of the platform's."""
    from django.core.management import call_command

    from apps.product.mongodb import mongo

    mongod = Mongod(tmp_path)
    usual = mongo.settings_dict["HOST"]
    mongod.start()
    mongo.close_pool()
    mongo.settings_dict["HOST"] = mongod.url
    try:
        call_command("migrate", verbosity=0)
        yield mongod
    finally:
        mongo.close_pool()
        mongo.settings_dict["HOST"] = usual
        mongod.thaw()
        mongod.kill()
