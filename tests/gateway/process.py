"""The gateway as a real process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
from django.conf import settings

from tests.gateway.client import WAIT_SECONDS, Answer, Headers, call
from tests.worker import NUMBER

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
TEST_DATABASE = 15 - NUMBER  # of Redis: nothing else uses it, nor 14 and 13


def redis_url() -> str:
    """The tests' own database on the Redis that runs."""
    return urlunsplit(urlsplit(str(settings.ENVIRONMENT.redis_url))._replace(path=f"/{TEST_DATABASE}"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class GatewayProcess:
    """A running gateway."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def call(self, method: str, target: str, *headers: tuple[str, str], body: bytes | None = None) -> Answer:
        """Send it one request."""
        return call(self.port, method, target, headers, body)

    def memory(self) -> int:
        """Bytes that it holds in memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        """Its access lines for a request, once they are written."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            if found := [line for line in lines if line.get("request_id") == request_id]:
                return found
            time.sleep(0.05)
        return []

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running(log: Path, environment: Mapping[str, str], *options: str) -> Iterator[GatewayProcess]:
    """A gateway with `environment` (names without the prefix), stopped afterwards."""
    port = free_port()
    prefixed = {f"MICROCOMMERCE_{name}": value for name, value in environment.items()}
    command = [sys.executable, "-m", "gateway", "--port", str(port), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **prefixed}, stdout=output, stderr=output
        )
    gateway = GatewayProcess(process, port, log)
    try:
        _wait(gateway)
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_SECONDS)


def _wait(gateway: GatewayProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert gateway.process.poll() is None, gateway.log.read_text()
        try:
            if call(gateway.port, "GET", "/health/live").status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"The gateway did not start:\n{gateway.log.read_text()}")


__all__ = ["GatewayProcess", "Headers", "free_port", "redis_url", "running"]
