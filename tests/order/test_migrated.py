"""What is migrated is what the database says: the launcher's own note of it is not enough."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from launcher.addresses import database_url
from launcher.instance import ROOT, Instance
from launcher.migrations import applied, migrate, run_django
from launcher.system import service

OFFSET = int(os.environ.get("MICROCOMMERCE_PORT_OFFSET", "0"))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """The stores under test, and a place of its own for what the launcher notes; today's schema at the end."""
    found = Instance(OFFSET, tmp_path)
    for name in ("apps", "shared", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    found.make_directories()
    yield found
    run_django(service("order"), found, "migrate", "--no-input")


def test_a_database_of_before_is_migrated_though_it_was_migrated_once(instance: Instance) -> None:
    """A backup, the next release's migrations, `restore`, `up`. Red where a file alone says what is migrated."""
    owner = service("order")
    migrate(owner, instance)
    today = applied(owner, instance)
    run_django(owner, instance, "migrate", "messaging", "0001")  # what the restored backup looks like
    assert applied(owner, instance) != today

    migrate(owner, instance)
    assert applied(owner, instance) == today


def test_so_is_the_catalogue(instance: Instance) -> None:
    owner = service("product")
    migrate(owner, instance)
    today = applied(owner, instance)
    assert ["product", "0001_initial"] in today
    client: MongoClient[dict[str, Any]]
    with MongoClient(database_url(owner, instance)) as client:
        client.get_default_database()["django_migrations"].delete_one({"app": "messaging"})
    assert applied(owner, instance) != today

    migrate(owner, instance)
    assert applied(owner, instance) == today


def test_nothing_is_run_where_the_database_is_as_it_was_left(instance: Instance) -> None:
    """Red when every warm `up` starts Django for each service: it costs seconds."""
    owner = service("order")
    migrate(owner, instance)
    log = instance.logs / "order-migrate.log"
    log.unlink()
    migrate(owner, instance)
    assert not log.exists()
