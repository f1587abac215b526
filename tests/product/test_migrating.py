"""A migration that is killed midway can be run again."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

ROOT = Path(__file__).resolve().parents[2]
NEVER = 1_000
Indexes = dict[str, dict[str, Any]]


def _another(name: str) -> str:
    """The address of another database on the same server."""
    from django.conf import settings

    url = settings.ENVIRONMENT.database_url
    return str(url).replace(f"/{parse_uri(url)['database']}?", f"/{name}?")


@pytest.fixture
def database() -> Iterator[Database[Any]]:
    """A database without anything."""
    name = f"test_killed_{uuid.uuid4().hex[:8]}"
    client: MongoClient[Any] = MongoClient(_another(name))
    yield client[name]
    client.drop_database(name)
    client.close()


def migrate(database: Database[Any], dies_after: int) -> int:
    """How the process ended."""
    return subprocess.run(
        [sys.executable, "-m", "tests.product.migrating", str(dies_after)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "apps.product.settings",
            "MICROCOMMERCE_DATABASE_URL": _another(database.name),
        },
        check=False,
    ).returncode


def indexes(database: Database[Any]) -> Indexes:
    """Every collection with its indexes."""
    return {name: dict(database[name].index_information()) for name in database.list_collection_names()}


def test_a_migration_that_was_killed_is_run_again(database: Database[Any]) -> None:
    """Wherever it was killed. Red with `CreateModel` in place of `CreateCollection`: the collection is there already."""
    from apps.product.mongodb import mongo

    for killed_after in (3, 12, 30):
        assert migrate(database, killed_after) == -signal.SIGKILL
    assert migrate(database, NEVER) == 0
    found = indexes(database)
    assert found.keys() >= {
        "product_product",
        "product_category",
        "product_revision",
        "messaging_outboxmessage",
    }
    assert any(index.get("unique") for index in found["product_category"].values())
    assert found == indexes(mongo.database)


def test_what_is_there_is_indexed_by_the_migration(make_product: Any, make_category: Any) -> None:
    """As a release without sort keys left it. Red when `fill` leaves out what has none, or words of another kind."""
    from django.core.management import call_command

    from apps.product.mongodb import mongo

    make_product("\u00c4hre C++")
    make_category("\u00d6l")
    products, categories = mongo.database["product_product"], mongo.database["product_category"]
    whole = list(products.find()), list(categories.find())
    products.update_many({}, {"$unset": {"name_key": ""}, "$set": {"words": ["ahre", "c"]}})
    categories.update_many({}, {"$set": {"name_key": ""}})

    call_command("index_catalogue", verbosity=0)

    assert (list(products.find()), list(categories.find())) == whole
    assert whole[0][0]["name_key"] == "ahre c++"
