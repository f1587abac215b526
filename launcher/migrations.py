"""Bring the databases to what the code expects, and skip it cheaply when neither has changed."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from pymongo import MongoClient
from pymongo.collection import Collection

from launcher.addresses import database_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import Service

CONNECT_TIMEOUT = 30  # seconds
Applied = list[list[str]]  # app and name of each migration


def migrate(owner: Service, instance: Instance) -> None:
    """Run the service's migrations, unless its database says that what this code brought it to is still so.

    A restored backup, or a migration taken back by hand, is another database: the file alone knows nothing of it.
    """
    stamp = instance.data / f"{owner.name}.migrated"
    code = _fingerprint(owner, instance.root)
    if _noted(stamp) == {"code": code, "applied": applied(owner, instance)}:
        return
    run_django(owner, instance, "migrate", "--no-input")
    stamp.write_text(json.dumps({"code": code, "applied": applied(owner, instance)}))


def _noted(stamp: Path) -> Any:
    """What the last `migrate` of this platform came to; None where that is not known."""
    try:
        return json.loads(stamp.read_text())
    except (
        OSError,
        ValueError,
    ):  # none yet, one of an earlier release, or one that was not written to its end
        return None


def applied(owner: Service, instance: Instance) -> Applied:
    """The migrations that the service's database has had, as it says itself; none for an empty database."""
    if owner.database == "mongod":
        return _applied_to_mongodb(database_url(owner, instance))
    with psycopg.connect(database_url(owner, instance), connect_timeout=CONNECT_TIMEOUT) as connection:
        table = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
        if table == (None,):
            return []
        rows = connection.execute("SELECT app, name FROM django_migrations").fetchall()
    return sorted([app, name] for app, name in rows)


def _applied_to_mongodb(address: str) -> Applied:
    client: MongoClient[dict[str, Any]]
    with MongoClient(address, serverSelectionTimeoutMS=1000 * CONNECT_TIMEOUT) as client:
        done: Collection[dict[str, Any]] = client.get_default_database()["django_migrations"]
        return sorted([row["app"], row["name"]] for row in done.find({}, {"app": 1, "name": 1}))


def once(instance: Instance, name: str, fingerprint: str, action: Callable[[], None]) -> None:
    """Do `action` unless it was done with this fingerprint on the data that are there now."""
    stamp = instance.data / name
    if not stamp.exists() or stamp.read_text() != fingerprint:
        action()
        stamp.write_text(fingerprint)


def _fingerprint(owner: Service, root: Path) -> str:
    directory = root / owner.package.replace(".", "/")
    sources = [
        *directory.glob("migrations/*.py"),
        *(root / "shared").rglob("*migrations/*.py"),
        directory / "settings.py",
        root / "requirements" / "run.txt",  # Django's own applications have migrations too
    ]
    digest = hashlib.sha256()
    for source in sorted(path for path in sources if path.exists()):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def django_command(owner: Service, *arguments: str) -> list[str]:
    """One of Django's own commands for a service."""
    return [sys.executable, f"{owner.package.replace('.', '/')}/manage.py", *arguments]


def run_django(owner: Service, instance: Instance, *arguments: str) -> None:
    """Run it to its end; raises LauncherError with what it said when it fails."""
    done = subprocess.run(
        django_command(owner, *arguments),
        cwd=instance.root,
        env=environment(owner, instance),
        capture_output=True,
        text=True,
        check=False,
    )
    log = instance.logs / f"{owner.name}-{arguments[0]}.log"
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LauncherError(
            f"`manage {owner.name} {' '.join(arguments)}` failed:\n{tail}", f"All of it: {log}"
        )
