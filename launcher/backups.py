"""`backup` and `restore`: every store as it was at one moment, taken while the shop goes on selling.

What one service knows of another came as a message. So while the copies are made, the processes that carry
messages stand still, for seconds: no store can then know what another has not heard yet. Requests are answered
meanwhile; the orders among them go on afterwards. A backup is whole or it is not there: each file's digest is part
of it, and PostgreSQL's log is read to its end. One that is killed leaves processes that stand still: the supervisor,
which looks away for as long as it is asked to, finds them not live and starts them again.
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
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from launcher import base_backup, demo, platform
from launcher.addresses import mongodb_url, port_of, postgres_url
from launcher.errors import LauncherError
from launcher.families import standing_still
from launcher.instance import Instance
from launcher.stores import postgres
from launcher.trees import copy_missing, copy_steady, copy_tree, differences, flush, manifest

LABEL = "backup.json"
FORM = 2  # of the directory; a later one may differ
FORM_WITHOUT_MANIFEST = 1  # can be restored, not verified
MEDIA = "media"  # uploaded pictures, unless a bucket keeps them
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
MOST_SHOWN = 10  # files that are not as they were
FAILURES = (psycopg.Error, PyMongoError, RedisError, OSError)


def back_up(instance: Instance, directory: Path) -> float:
    """Copy every store into `directory`, which must not exist; the seconds for which messages stood still.

    Raises LauncherError, and leaves no directory, where anything kept it from being whole.
    """
    if directory.exists():
        raise LauncherError(
            f"{directory} exists already.", "Name a directory that does not: nothing is overwritten."
        )
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        stood_still = _fill(instance, unfinished)
        unfinished.rename(directory)
    except FAILURES as error:
        raise LauncherError(
            f"There is no backup: {error}", "Is there room on the disk, and is every store well? Then again."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return stood_still


def _fill(instance: Instance, target: Path) -> float:
    target.mkdir(parents=True, mode=0o700)
    wal: base_backup.Range | None = None
    stood_still = 0.0
    if _is_whole(instance):
        stood_still, wal = _copy_live(instance, target)
    else:
        for name, source in _sources(instance).items():
            copy_tree(source, target / name, LEFT_OUT)
        copy_missing(instance.media, target / MEDIA)
        if platform.is_supervised(instance):
            raise LauncherError(
                "The platform was started meanwhile: the files are of different moments.",
                "Take it down first, or back it up while it runs.",
            )
    label = {
        "form": FORM,
        "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "offset": instance.offset,
        "wal": wal and wal.to_json(),
        "files": manifest(target),
    }
    (target / LABEL).write_text(json.dumps(label, indent=1) + "\n")
    verify(target)
    flush(target)
    return stood_still


def verify(directory: Path) -> str:
    """Look at every file of a backup; when it was made. Raises LauncherError that says what is wrong with it."""
    label = _label(directory)
    if label["form"] == FORM_WITHOUT_MANIFEST:
        raise LauncherError(
            f"{directory} was made before backups could be verified.", "Restore it, or make a new one."
        )
    if broken := [*differences(directory, label["files"]), *_broken_wal(directory, label["wal"])]:
        more = f"\n  and {len(broken) - MOST_SHOWN} more" if len(broken) > MOST_SHOWN else ""
        raise LauncherError(
            f"{directory} is damaged:\n  " + "\n  ".join(broken[:MOST_SHOWN]) + more, "Use another backup."
        )
    return str(label["made_at"])


def _broken_wal(directory: Path, wal: dict[str, int] | None) -> Iterator[str]:
    """Of a backup that was taken from a running platform; one taken at rest needs no log."""
    if wal:
        yield from base_backup.complaints(directory / "postgres", base_backup.Range(**wal))


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
    if label["form"] != FORM_WITHOUT_MANIFEST:
        verify(directory)
    try:
        _put_back(instance, directory)
    except OSError as error:
        raise LauncherError(
            f"Not everything is restored: {error}", "Is there room on the disk? Then restore it again."
        ) from error
    return str(label["made_at"])


def _put_back(instance: Instance, directory: Path) -> None:
    instance.make_directories()
    postgres.make_place(instance)
    for name, target in _sources(instance).items():
        incoming = target.with_name(target.name + ".incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        copy_tree(directory / name, incoming)
        if name == "postgres":
            _own(incoming, instance)
    incoming = instance.media.with_name(instance.media.name + ".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    copy_missing(directory / MEDIA, incoming)  # a backup of an earlier release has none
    incoming.mkdir(exist_ok=True)
    for target in (*_sources(instance).values(), instance.media):  # only now, with every copy complete
        shutil.rmtree(target, ignore_errors=True)
        target.with_name(target.name + ".incoming").rename(target)
    demo.leave_out(instance)


def _sources(instance: Instance) -> dict[str, Path]:
    """Where each store keeps its data. Keycloak's are in PostgreSQL."""
    own = {name: instance.data / name for name in ("kafka", "redis", "mongod")}
    return {**own, "postgres": postgres.installation(instance).data}


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


def _copy_live(instance: Instance, target: Path) -> tuple[float, base_backup.Range]:
    """PostgreSQL's log makes its copy one of the moment when its backup ends, so that takes long before."""
    sources = _sources(instance)
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        base_backup.begin(connection)
        without = (*LEFT_OUT, *base_backup.LEFT_OUT)
        copy_tree(sources["postgres"], target / "postgres", without, may_go=True)
        copy_missing(instance.media, target / MEDIA)  # most of them, while everything goes on
        began = time.monotonic()
        with _messages_standing_still(instance):
            copy_steady(sources["kafka"], target / "kafka", LEFT_OUT)
            with _redis_not_rewriting(instance):
                copy_tree(sources["redis"], target / "redis", LEFT_OUT)
            with _mongodb_locked(instance):
                copy_tree(sources["mongod"], target / "mongod", LEFT_OUT)
                # Whatever a product shows was written before, and is not tidied away while nothing can be written.
                copy_missing(instance.media, target / MEDIA)
            wal = base_backup.end(connection, target / "postgres")
        stood_still = time.monotonic() - began
        base_backup.copy_wal(sources["postgres"], target / "postgres", wal)
    return stood_still, wal


@contextlib.contextmanager
def _messages_standing_still(instance: Instance) -> Iterator[None]:
    """A transaction in the hands of whoever carries messages is as good as not begun meanwhile."""
    movers = _movers(instance)
    with platform.unwatched(instance, movers), standing_still(movers.values()):
        yield
        if _movers(instance) != movers:
            raise LauncherError("A process that carries messages was started again meanwhile.", "Again.")


def _movers(instance: Instance) -> dict[str, int]:
    """Whatever carries messages, with its process id."""
    found = {
        each["name"]: each["pid"]
        for each in platform.processes(instance)
        if each["name"].rpartition("-")[2] in MOVERS
    }
    if away := [name for name, pid in found.items() if not pid]:
        raise LauncherError(f"Not everything is running: {', '.join(away)}.", "Wait until it is.")
    return found


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


def _own(directory: Path, instance: Instance) -> None:
    """Give the copy to whom the server runs as, with the directories that a backup leaves out."""
    for name in ("pg_wal", "pg_replslot"):
        (directory / name).mkdir(exist_ok=True, mode=0o700)
    if owner := postgres.installation(instance).run_as:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.uid, owner.gid)


def _label(directory: Path) -> dict[str, Any]:
    try:
        label: dict[str, Any] = json.loads((directory / LABEL).read_text())
    except (OSError, ValueError) as error:
        raise LauncherError(
            f"{directory} is not a backup: {error}.", "`manage_all.py backup DIRECTORY` makes one."
        ) from error
    if label.get("form") not in (FORM_WITHOUT_MANIFEST, FORM):
        raise LauncherError(f"{directory} was made by another version, in form {label.get('form')}.")
    return label
