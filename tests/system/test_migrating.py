"""The databases of the next release come, and go, while today's code serves (docs/operations.md, upgrading).

The migrations are real ones (`next_release/`), run by each service's own `manage.py migrate` against the live
databases; what the load was told is held against what the databases say, as after a fault.
"""

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from launcher.addresses import database_url
from launcher.evidence import ask
from launcher.faults.load import Load
from launcher.faults.record import Record, read
from launcher.instance import ROOT
from launcher.invariants import check
from launcher.migrations import django_command
from launcher.services import environment
from launcher.system import service
from launcher.topics import DAY_MILLISECONDS, create_topics
from tests.system.conftest import Settle
from tests.system.next_release.steps import today
from tests.system.platform import INSTANCE
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.topics import Topics
from tests.system.waiting import HEAL, eventually

SEED = 20261123
ON_POSTGRESQL = ("order", "stock")
OWNERS = (*ON_POSTGRESQL, "product")
FOR_EVER = 300  # seconds
TRIES = 6
TOO_BUSY = {0, 503, 504}  # what a machine that stands still for seconds makes of a call
MAY_WAIT = 0.02  # of all calls
BUSY = "A table was in use for longer than 2 s"

# As far as which migration each service goes. The steps before it are migrations of their own.
EXPAND = {"order": "next_4_validate", "stock": "next_4_validate", "product": "next_2_fill"}
CONTRACT = {"order": "next_5_contract", "stock": "next_5_contract", "product": "next_3_contract"}

SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable || ' ' || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'django_migrations', app, name, '' FROM django_migrations
"""
NEW = {
    "order": {"channel", "is_gift", "next_release_channel", "next_release_has_channel"},
    "stock": {"shelf", "is_express", "next_release_shelf", "next_release_has_shelf"},
}
WITHOUT = {
    "order": "SELECT count(*) FROM order_order WHERE channel IS NULL",
    "stock": "SELECT count(*) FROM stock_stockitem WHERE shelf IS NULL",
}
INVALID = "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid WHERE NOT indisvalid AND relname LIKE 'next!_release!_%' ESCAPE '!'"

Rows = set[tuple[Any, ...]]


@pytest.mark.faults
def test_the_next_release_s_databases_come_and_go_while_buyers_order(settle: Settle, tmp_path: Path) -> None:
    """Expand, orders on it, contract: no call fails for it, and nothing is left of it.

    Red when a new column refuses what today's code writes: `db_default=False` made `default=False` in
    `next_release/order/next_1_expand.py`. Nobody can order then.
    """
    settle()
    before, schemas = check(INSTANCE, HEAL), _schemas()
    record = Record(tmp_path / "calls.jsonl")
    load = Load(INSTANCE, record, SEED, buyers=2)
    load.start()
    try:
        with _undone_at_the_end(load):
            _while_buyers_order(record, EXPAND)
            _as_the_next_release_wants_it(schemas)
            _while_buyers_order(record, CONTRACT)
    finally:
        record.close()
        load.clear_out()
    assert _schemas() == schemas
    calls = list(read(record.path))
    without_answer = [call for call in calls if call.outcome == "unknown"]
    broken_calls = [call for call in without_answer if call.status not in TOO_BUSY]
    assert not broken_calls, broken_calls
    assert len(without_answer) <= len(calls) * MAY_WAIT, without_answer
    after = check(INSTANCE, HEAL, record.path)
    broken = {name: new for name, found in after.items() if (new := sorted(set(found) - set(before[name])))}
    assert not broken, broken


@pytest.mark.faults
def test_a_migration_that_cannot_have_its_table_gives_up_and_nobody_waits_for_long(
    shop: Shop, shopper: Shopper
) -> None:
    """Somebody's long report has the table of the orders; whoever orders would wait behind the migration.

    Red without the `SET lock_timeout` of `shared/messaging/management/commands/migrate.py` and the two limits of
    `shared/settings/service.py` that stand behind it: it waits for as long as the report takes.
    """
    schemas, piece = _schemas(), shop.product(stock=1000)
    ended = threading.Event()
    placed: list[str] = []

    def order() -> None:
        while not ended.is_set():
            placed.append(shopper.place((piece, 1)))

    with ThreadPoolExecutor(1) as pool, _reading("order_order"):
        ordering = pool.submit(order)
        try:
            done = _migrate("order", "next_1_expand")
        finally:
            ended.set()
        ordering.result()
    if done.returncode == 0:
        _migrate_all({"order": today("order")[1]})
    assert done.returncode == 1, done.stdout
    assert BUSY in done.stderr
    assert placed
    assert _schemas() == schemas


def _migrate(owner: str, target: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py migrate` of the next release's code, as far as `target`."""
    return subprocess.run(
        django_command(service(owner), "migrate", owner, target),
        cwd=ROOT,
        env={
            **environment(service(owner), INSTANCE),
            "DJANGO_SETTINGS_MODULE": "tests.system.next_release.settings",
            "NEXT_RELEASE_OF": owner,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=FOR_EVER,
    )


def _migrate_all(targets: dict[str, str]) -> None:
    """Every service at once; one that found a table in use is run again, as its message says."""
    for _ in range(TRIES):
        with ThreadPoolExecutor(len(targets)) as pool:
            ended = list(pool.map(_migrate, targets.keys(), targets.values()))
        failed = [done.stdout + done.stderr for done in ended if done.returncode]
        if not any(BUSY in said for said in failed):
            break
        _drop_half_built_indexes()
    assert not failed, "\n".join(failed)


def _drop_half_built_indexes() -> None:
    """What PostgreSQL leaves of an index that was given up."""
    for owner in ON_POSTGRESQL:
        for (name,) in ask(INSTANCE, owner, INVALID):
            with psycopg.connect(database_url(service(owner), INSTANCE)) as connection:
                connection.execute(f"DROP INDEX {name}")


def _while_buyers_order(record: Record, step: dict[str, str]) -> None:
    """Orders were placed while the step was taken, and are placed after it."""
    placed = record.counts["order", "ok"]
    _migrate_all(step)
    meanwhile = record.counts["order", "ok"]
    assert meanwhile > placed, f"nobody could order during {step}"
    eventually(lambda: record.counts["order", "ok"] > meanwhile, what=f"an order after {step}")


def _as_the_next_release_wants_it(schemas: dict[str, Rows]) -> None:
    """Everything is there, and whatever today's code wrote meanwhile has it too."""
    for owner in ON_POSTGRESQL:
        new = {name for _, name, *_ in ask(INSTANCE, owner, SCHEMA)} - {
            name for _, name, *_ in schemas[owner]
        }
        assert new >= NEW[owner]
        assert ask(INSTANCE, owner, WITHOUT[owner]) == [(0,)]
    with _catalogue() as products:
        assert "next_release_origin" in products.index_information()
        assert products.count_documents({"origin": "DE"}) > 0


def _schemas() -> dict[str, Rows]:
    """What each database looks like, and which migrations it says it has had."""
    found: dict[str, Rows] = {owner: set(ask(INSTANCE, owner, SCHEMA)) for owner in ON_POSTGRESQL}
    with _catalogue() as products:
        done = products.database["django_migrations"].find()
        found["product"] = {
            *(("index", name) for name in products.index_information()),
            *(("migration", each["app"], each["name"]) for each in done),
            ("products with an origin", products.count_documents({"origin": {"$exists": True}})),
        }
    return found


@contextmanager
def _undone_at_the_end(load: Load) -> Iterator[None]:
    """Whatever became of it, the databases are today's again; buyers have left by then."""
    try:
        yield
    finally:
        load.stop()
        _drop_half_built_indexes()
        _migrate_all({owner: today(owner)[1] for owner in OWNERS})


@contextmanager
def _reading(table: str) -> Iterator[None]:
    """A long transaction that has read a table."""
    with psycopg.connect(database_url(service("order"), INSTANCE)) as report:
        report.execute("SET idle_in_transaction_session_timeout = 0")
        report.execute(f"SELECT count(*) FROM {table}")
        yield


@contextmanager
def _catalogue() -> Iterator[Collection[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]]
    with MongoClient(database_url(service("product"), INSTANCE)) as client:
        yield client.get_default_database()["product_product"]


def test_topics_of_an_earlier_release_get_todays_settings(topics: Topics) -> None:
    """What an update changes about topics holds for those that exist. Red where `create_at` makes the missing ones only."""
    topics.set("order.events", segment_ms=str(7 * DAY_MILLISECONDS))
    create_topics(INSTANCE)
    assert topics.settings("order.events")["segment.ms"] == str(DAY_MILLISECONDS // 2)
