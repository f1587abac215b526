"""Health and metrics of a process that has no HTTP API: a consumer, a relay, a worker."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


class Heartbeat:
    """Says whether a loop still turns: `beat()` in the loop, `is_alive()` from the probe.

    `limit` is in seconds: a loop that has not come round for longer is taken for dead and restarted, unless `is_excused`
    says that what it waits for is away, and a new process would wait for it as well.
    """

    def __init__(self, limit: float = 60.0, is_excused: Callable[[], bool] = lambda: False) -> None:
        self._limit = limit
        self._is_excused = is_excused
        self._last = time.monotonic()
        self.ready = False

    def beat(self) -> None:
        """Note that the loop turned."""
        self._last = time.monotonic()

    def is_alive(self) -> bool:
        """Whether the last beat, or the last excuse, is recent enough."""
        if time.monotonic() - self._last >= self._limit and self._is_excused():
            self.beat()
        return time.monotonic() - self._last < self._limit


def serve(host: str, port: int, *heartbeats: Heartbeat) -> ThreadingHTTPServer:
    """Answer `/health/live`, `/health/ready` and `/metrics` on `port` of `host` from a thread of its own.

    Of several loops each must be alive, and ready: where one hangs, the process is started again.
    """
    answers: dict[str, Callable[[], bool]] = {
        "/health/live": lambda: all(heartbeat.is_alive() for heartbeat in heartbeats),
        "/health/ready": lambda: all(heartbeat.ready and heartbeat.is_alive() for heartbeat in heartbeats),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._send(200, CONTENT_TYPE_LATEST, generate_latest())
            elif answer := answers.get(self.path):
                good = answer()
                self._send(
                    200 if good else 503,
                    "application/json",
                    json.dumps({"status": "ok" if good else "unavailable"}).encode(),
                )
            else:
                self._send(404, "text/plain", b"")

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not worth a line."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="probe", daemon=True).start()
    return server
