"""`backup` and `restore`: every store as it was at one moment, taken while the shop goes on selling.

What one service knows of another came as a message. So while the copies are made, the processes that carry
messages stand still, for seconds: no store can then know what another has not heard yet. Requests are answered
meanwhile; the orders among them go on afterwards. A backup that is killed leaves processes that stand still:
the supervisor finds them not live and starts them again.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from pymongo import MongoClient
from redis import Redis

from launcher import platform
from launcher.addresses import mongodb_url, port_of, postgres_url
from launcher.errors import LauncherError
from launcher.families import standing_still
from launcher.instance import Instance
from launcher.stores import postgres

LABEL = "backup.json"
FORM = 1  # of the directory; a later one may differ
MOVERS = ("consumer", "relay", "worker", "beat")
# Kafka makes its indexes anew, and they are sparse files of 10 MiB each; MongoDB makes the empty logs that it keeps
# at hand anew; locks are of a process.
LEFT_OUT = (
    "*.index",
    "*.timeindex",
    "*.txnindex",
    ".lock",
    ".kafka_cleanshutdown",
    "mongod.lock",
    "WiredTigerPreplog*",
)
LEFT_OUT_OF_POSTGRES = ("postmaster.*", "pg_wal", "pgsql_tmp*")


def back_up(instance: Instance, directory: Path) -> float:
    """Copy every store into `directory`, which must not exist; the seconds for which messages stood still."""
    if directory.exists():
        raise LauncherError(
            f"{directory} exists already.", "Name a directory that does not: nothing is overwritten."
        )
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    stood_still = (
        _copy_live(instance, unfinished) if _is_whole(instance) else _copy_at_rest(instance, unfinished)
    )
    label = {"form": FORM, "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "offset": instance.offset}
    (unfinished / LABEL).write_text(json.dumps(label) + "\n")
    _flush(unfinished)
    unfinished.rename(directory)
    return stood_still


def restore(instance: Instance, directory: Path) -> str:
    """Put what `back_up` copied in the place of what is there; when it was made. The platform must be down."""
    label = _label(directory)
    if label["offset"] != instance.offset:
        raise LauncherError(
            f"The backup was made with --port-offset {label['offset']}, and its addresses are part of it.",
            f"Restore it there: manage_all.py restore {directory} --port-offset {label['offset']}",
        )
    if platform.is_supervised(instance):
        raise LauncherError(
            "The platform is up.", f"Stop it first: python manage_all.py down{instance.option()}"
        )
    instance.make_directories()
    postgres.make_place(instance)
    for name, target in _sources(instance).items():
        incoming = target.with_name(target.name + ".incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        _copy(directory / name, incoming)
        if name == "postgres":
            _own(incoming, instance)
    for target in _sources(instance).values():  # only now, with every copy complete
        shutil.rmtree(target, ignore_errors=True)
        target.with_name(target.name + ".incoming").rename(target)
    return str(label["made_at"])


def _sources(instance: Instance) -> dict[str, Path]:
    """Where each store keeps its data. Keycloak's are in PostgreSQL."""
    own = {name: instance.data / name for name in ("kafka", "redis", "mongod")}
    return {**own, "postgres": postgres.place(instance).data}


def _is_whole(instance: Instance) -> bool:
    """Whether everything runs; False when nothing does. Half a platform has no moment to copy."""
    states = {each["name"]: each["state"] for each in platform.processes(instance)}
    if set(states.values()) == {"stopped"}:
        if not (instance.data / "kafka").exists():
            raise LauncherError("There is nothing to back up.", "`manage_all.py up` makes a platform.")
        return False
    if ailing := sorted(name for name, state in states.items() if state != "running"):
        raise LauncherError(
            f"Not everything is running: {', '.join(ailing)}.",
            f"Wait until it is, or take it down: manage_all.py status{instance.option()}",
        )
    return True


def _copy_at_rest(instance: Instance, target: Path) -> float:
    for name, source in _sources(instance).items():
        _copy(source, target / name)
    return 0.0


def _copy_live(instance: Instance, target: Path) -> float:
    """PostgreSQL's log makes its copy one of the moment when its backup ends, so that takes long before."""
    sources = _sources(instance)
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        connection.execute("SELECT pg_backup_start('microcommerce', fast => true)")
        _copy(sources["postgres"], target / "postgres", LEFT_OUT_OF_POSTGRES)
        began = time.monotonic()
        with standing_still(_movers(instance)):
            _copy(sources["kafka"], target / "kafka")
            with _redis_not_rewriting(instance):
                _copy(sources["redis"], target / "redis")
            with _mongodb_locked(instance):
                _copy(sources["mongod"], target / "mongod")
            last = _end_of_postgresql(connection, target / "postgres")
        stood_still = time.monotonic() - began
    _copy(sources["postgres"] / "pg_wal", target / "postgres" / "pg_wal")
    for segment in (target / "postgres" / "pg_wal").iterdir():
        if segment.is_file() and segment.name > last:  # written after the backup's end
            segment.unlink()
    return stood_still


def _end_of_postgresql(connection: "psycopg.Connection[Any]", target: Path) -> str:
    """End the backup; the name of the last piece of the log that belongs to it.

    Source: postgresql.org, "Making a Base Backup Using the Low Level API".
    """
    found = connection.execute(
        "SELECT labelfile, pg_walfile_name(lsn) FROM pg_backup_stop(wait_for_archive => false)"
    ).fetchone()
    if found is None:
        raise LauncherError("PostgreSQL did not end its backup.")
    (target / "backup_label").write_text(found[0])
    return str(found[1])


def _movers(instance: Instance) -> list[int]:
    """Whatever carries messages; a transaction in its hands is as good as not begun while it stands still."""
    found = platform.processes(instance)
    return [each["pid"] for each in found if each["pid"] and each["name"].rpartition("-")[2] in MOVERS]


@contextlib.contextmanager
def _redis_not_rewriting(instance: Instance) -> Iterator[None]:
    """Redis appends to its file, and may only not begin a new one (redis.io, "Backing up AOF persistence")."""
    setting = "auto-aof-rewrite-percentage"
    with Redis(port=port_of(instance, "redis"), decode_responses=True) as redis:
        before = redis.config_get(setting)[setting]
        redis.config_set(setting, 0)
        try:
            while redis.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.1)
            yield
        finally:
            redis.config_set(setting, before)


@contextlib.contextmanager
def _mongodb_locked(instance: Instance) -> Iterator[None]:
    """MongoDB's files are whole, and writes wait (mongodb.com, "Back Up with a Filesystem Snapshot")."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_url(instance)) as client:
        client.admin.command("fsync", lock=True)
        try:
            yield
        finally:
            client.admin.command("fsyncUnlock")


def _copy(source: Path, target: Path, left_out: tuple[str, ...] = ()) -> None:
    """The tree below `source`; a file that goes away while it is copied is one that the store did without."""
    target.mkdir(mode=0o700)
    ignored = shutil.ignore_patterns(*LEFT_OUT, *left_out)
    entries = list(source.iterdir())
    without = ignored(str(source), [entry.name for entry in entries])
    for entry in entries:
        if entry.name in without:
            continue
        with contextlib.suppress(FileNotFoundError):
            if entry.is_dir():
                _copy(entry, target / entry.name, left_out)
            else:
                shutil.copy2(entry, target / entry.name)


def _own(directory: Path, instance: Instance) -> None:
    """Give the copy to whom the server runs as."""
    (directory / "pg_wal").mkdir(exist_ok=True)
    if owner := postgres.place(instance).run_as:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.uid, owner.gid)


def _flush(directory: Path) -> None:
    """On the disk, and not only on its way there, before it is called a backup."""
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _label(directory: Path) -> dict[str, object]:
    try:
        label: dict[str, object] = json.loads((directory / LABEL).read_text())
    except (OSError, ValueError) as error:
        raise LauncherError(
            f"{directory} is not a backup: {error}.", "`manage_all.py backup DIRECTORY` makes one."
        ) from error
    if label.get("form") != FORM:
        raise LauncherError(f"{directory} was made by another version, in form {label.get('form')}.")
    return label
