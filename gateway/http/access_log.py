"""One line for each request, cheap enough for all of them.

The logging module costs more than a whole proxied request. Lines are made here, gathered, and written to
standard error together, ten times a second; a process that is killed loses the last tenth.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TextIO

from gateway.http.exchange import Exchange

EVERY_SECONDS = 0.1
# Asked every few seconds: logged only when the answer is no.
PROBES = (b"/health", b"/health/live", b"/health/ready")


class AccessLog:
    """Writes JSON lines, or lines for people; the fields are those of every service's access line."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._render = _json_line if as_json else _console_line
        self._lines: list[str] = []
        self._due: asyncio.TimerHandle | None = None
        self._second = (0, "")

    def add(self, exchange: Exchange, method: str, seconds: float) -> None:
        """Log the answered request of `exchange`."""
        if exchange.path in PROBES and exchange.status < HTTPStatus.BAD_REQUEST:
            return
        self._lines.append(self._render(self._now(), exchange, method, round(seconds * 1000, 1)))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(EVERY_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines that were gathered."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second[0]:
            self._second = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S."))
        return f"{self._second[1]}{int((now - second) * 1000):03d}Z"


def _fields(exchange: Exchange) -> tuple[str, str, str]:
    # A path of the table is plain, and quoting it would cost more than the line: only a refused one can hold more.
    path = exchange.path.decode("ascii", "backslashreplace")
    quoted = f'"{path}"' if exchange.route is not None else json.dumps(path)
    principal = exchange.principal
    return quoted, json.dumps(principal.subject) if principal else "null", exchange.request_id.decode()


def _json_line(now: str, exchange: Exchange, method: str, ms: float) -> str:
    path, principal, request_id = _fields(exchange)
    return (
        f'{{"event": "request", "level": "info", "logger": "gateway.access", "service": "gateway", "timestamp": "{now}", '
        f'"method": "{method}", "path": {path}, "status": {exchange.status}, "ms": {ms}, "principal": {principal}, '
        f'"request_id": "{request_id}", "trace_id": "{exchange.hop.trace_id}"}}\n'
    )


def _console_line(now: str, exchange: Exchange, method: str, ms: float) -> str:
    path, principal, request_id = _fields(exchange)
    return (
        f"{now} [info     ] {method} {path[1:-1]} {exchange.status} {ms} ms principal={principal} "
        f"request_id={request_id} trace_id={exchange.hop.trace_id} service=gateway\n"
    )
