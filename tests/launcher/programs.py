"""Small real programs for the supervisor to run, and a supervisor to run them."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from launcher import platform
from launcher.instance import Instance
from launcher.supervisor.control import ask
from launcher.supervisor.specification import Probe, Specification

# Answers /health/ready and /health/live; GET /die ends it, /hang makes it deaf; keeps a child, as granian does.
SERVER = """
import http.server, os, signal, subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hang":
            signal.pause()
        self.send_response(200); self.end_headers()
        if self.path == "/child": self.wfile.write(str(child.pid).encode())
    def log_message(self, *_): print("asked", flush=True)
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def server(instance: Instance, name: str = "server", program: str = SERVER, **more: Any) -> Specification:
    port = free_port()
    return Specification(
        **{
            "name": name,
            "service": name,
            "port": port,
            "command": (sys.executable, "-c", program, str(port)),
            "environment": {},
            "directory": "/",
            "log": str(instance.logs / f"{name}.log"),
            "ready": Probe("http", port, "/health/ready"),
            "live": Probe("http", port, "/health/live"),
            "labels": ("service",),
            **more,
        }
    )


@contextmanager
def supervised(root: Path) -> Iterator[Instance]:
    """A platform with a supervisor and nothing in it; nothing of it is left at the end."""
    instance = Instance(0, root)
    instance.make_directories()
    platform.ensure_supervisor(instance, tied=True)
    try:
        yield instance
    finally:
        platform.shut_down(instance)


def described(instance: Instance, name: str = "server") -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in ask(instance.state, {"do": "status"})["processes"] if each["name"] == name
    )
    return found


def eventually(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What `condition` gives as soon as that is true."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.05)
    return found


def running(instance: Instance, name: str = "server") -> dict[str, Any]:
    """The process, once it is running."""
    eventually(lambda: described(instance, name)["state"] == "running")
    return described(instance, name)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def guardian_of(instance: Instance) -> psutil.Process:
    """The outermost process of the supervisor."""
    return next(
        process
        for process in psutil.Process().children()
        if process.cmdline()[1:4] == ["-m", "launcher.supervisor", str(instance.state)]
    )
