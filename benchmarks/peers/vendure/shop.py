"""Install Vendure into the cache, fill a database of its own, run server and job worker under our supervisor."""

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.peers.beside import START_SECONDS, Say, from_npm, pids, place, start
from launcher.addresses import postgres_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores import postgres
from launcher.stores.base import environment
from launcher.supervisor.specification import Probe, Specification

FOLDER = Path(__file__).parent
OFFSET = 9_500  # its ports lie between those of platforms, which are moved by thousands
SERVER, WORKER = 8000, 8001  # ports, moved by that
DATABASE = "vendure"
ADMIN_PASSWORD = secrets.token_hex()  # of this run; with its own default Vendure does not start
NODE = 20  # the oldest that Vendure runs on
JOBS_LEFT = "SELECT id, state FROM job_record WHERE state IN ('PENDING', 'RUNNING', 'RETRYING') LIMIT 1"
QUIET = {"VENDURE_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Vendure:
    """A shop that runs: where it answers, and the ids that a buyer needs."""

    instance: Instance
    variants: Sequence[str]
    shipping: str

    @property
    def api(self) -> str:
        """The GraphQL address of shoppers."""
        return f"http://127.0.0.1:{self.instance.port(SERVER)}/shop-api"

    def pids(self) -> list[int]:
        """Of every process of it, PostgreSQL too."""
        return pids(self.instance)


@contextmanager
def running(say: Say) -> Iterator[Vendure]:
    """A shop of 100 products with an empty list of orders, gone at the end. Raises LauncherError."""
    require_node()
    programs = _installed(say)
    with place("vendure", OFFSET) as instance:
        say("Vendure: PostgreSQL")
        postgres.prepare(instance)
        start(instance, postgres.specification(instance))
        say("Vendure: 100 products")
        found = _seed(instance, programs)
        say("Vendure: server and job worker")
        start(instance, *_specifications(instance, programs))
        _wait_for_jobs(instance)
        yield Vendure(instance, found["variants"], found["shipping"])


def require_node() -> None:
    """Raise LauncherError where there is no Node, or one that is too old."""
    way_out = f"Install Node {NODE} or later with npm: https://nodejs.org, or the packages nodejs and npm."
    if not (shutil.which("node") and shutil.which("npm")):
        raise LauncherError("Vendure needs node and npm, which are not on the PATH.", way_out)
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)", said)
    if not version or int(version[1]) < NODE:
        raise LauncherError(
            f"Vendure needs Node {NODE} or later; this is {said.strip() or 'unknown'}.", way_out
        )


def _installed(say: Say) -> Path:
    """The folder that holds our scripts beside what npm fetched for them."""
    target = from_npm("vendure", FOLDER / "package.json", say)
    for script in FOLDER.glob("*.js"):
        shutil.copy(script, target)
    return target


def _seed(instance: Instance, programs: Path) -> dict[str, Any]:
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    file = instance.config / "seed.json"
    known = _environment(instance, SEEDING="yes", SEED_FILE=str(file))
    command = ["node", "seed.js"]
    done = subprocess.run(command, cwd=programs, env=known, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(f"Vendure's database could not be filled:\n{done.stdout}{done.stderr}"[-3000:])
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _specifications(instance: Instance, programs: Path) -> Iterator[Specification]:
    known = _environment(instance, NODE_ENV="production")
    for name, base in (("server", SERVER), ("worker", WORKER)):
        port = instance.port(base)
        yield Specification(
            name=f"vendure-{name}",
            service="vendure",
            port=port,
            command=("node", f"{name}.js"),
            environment=known,
            directory=str(programs),
            log=str(instance.logs / f"vendure-{name}.log"),
            ready=Probe("http", port, "/health"),
            labels=("service",),
        )


def _environment(instance: Instance, **more: str) -> Mapping[str, str]:
    ports = {"SHOP_PORT": str(instance.port(SERVER)), "WORKER_PORT": str(instance.port(WORKER))}
    known = {"ADMIN_PASSWORD": ADMIN_PASSWORD, "DATABASE_URL": _database_url(instance)}
    return environment(**QUIET, **ports, **known, **more)


def _database_url(instance: Instance) -> str:
    return f"{postgres_url(instance).rpartition('/')[0]}/{DATABASE}"


def _wait_for_jobs(instance: Instance) -> None:
    """Until the worker has done what the import of products left to it: else it would do so while buyers are measured."""
    until = time.monotonic() + START_SECONDS
    with psycopg.connect(_database_url(instance), autocommit=True) as connection:
        while left := connection.execute(JOBS_LEFT).fetchone():
            if time.monotonic() > until:
                raise LauncherError(f"Vendure's worker does not come to the end of its jobs: {left}")
            time.sleep(0.2)
