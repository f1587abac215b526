"""Show logs: of a process, of a service, or what one trace left in all of them; and go on as they grow."""

import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from launcher import platform
from launcher.console import console
from launcher.errors import LauncherError
from launcher.instance import Instance

INTERVAL_SECONDS = 0.3
TRACE_ID = re.compile(r"trace_id\W{1,5}([0-9a-f]{32})")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
# Of a JSON line: what is shown elsewhere, or says nothing to somebody who follows one order.
NOT_SHOWN = {"timestamp", "trace_id", "event", "level", "logger", "service"}


def show(instance: Instance, name: str, *, lines: int, follow: bool) -> None:
    """Print the last lines of the logs, and, if asked, everything that comes until Ctrl-C."""
    logs = logs_of(instance, name)
    width = max(len(log.stem) for log in logs)
    before = {log: f"{log.stem:<{width}} | " if len(logs) > 1 else "" for log in logs}
    for log, line in _last(logs, lines):
        sys.stdout.write(f"{before[log]}{line}\n")
    places = {log: log.stat().st_size for log in logs}
    while follow:
        sys.stdout.flush()
        time.sleep(INTERVAL_SECONDS)
        for log in logs:
            for line in _new_lines(log, places):
                sys.stdout.write(f"{before[log]}{line}\n")


def logs_of(instance: Instance, name: str) -> list[Path]:
    """The log of the process of that name, or those of all processes of the service. Raises LauncherError."""
    one = instance.logs / f"{name}.log"
    if one.exists():
        return [one]
    of_service = {each["name"] for each in platform.table(instance) if each["service"] == name}
    found = [log for each in sorted(of_service) if (log := instance.logs / f"{each}.log").exists()]
    if not found:
        known = ", ".join(sorted(path.stem for path in instance.logs.glob("*.log"))) or "none yet"
        raise LauncherError(f"There is no log of {name}.", f"There are: {known}.")
    return found


def _last(logs: Sequence[Path], count: int) -> list[tuple[Path, str]]:
    """The last lines of all of these together, in the order of their times; a line without one goes with that before."""
    found = []
    for log in logs:
        at = ""
        for line in platform.last_lines(log, count).splitlines():
            at = _time_of(line) or at
            found.append((at, log, line))
    if len(logs) > 1:
        found.sort(key=lambda each: each[0])
    return [(log, line) for _, log, line in (found[-count:] if count else [])]


def _new_lines(log: Path, places: dict[Path, int]) -> list[str]:
    """What came since the last look; the rest of a line that is not written to its end comes later."""
    size = log.stat().st_size
    start = 0 if size < places[log] else places[log]  # it was cut
    with log.open("rb") as stream:
        stream.seek(start)
        whole, newline, _ = stream.read().rpartition(b"\n")
    places[log] = start + len(whole) + len(newline)
    return whole.decode(errors="replace").splitlines() if newline else []


def _time_of(line: str) -> str:
    found = TIME.search(line)
    return found[0].replace(" ", "T").replace(",", ".") if found else ""


@dataclass(frozen=True)
class Line:
    """One line that a trace left."""

    at: datetime
    process: str
    text: str


def show_trace(instance: Instance, wanted: str) -> None:
    """Print every line of the traces that `wanted` names: a trace's own id, or any that stands beside one (an order's).

    In the order of time, over all processes, each with the milliseconds since the line before it.
    """
    lines = sorted(_traced(instance, wanted), key=lambda line: line.at)
    if not lines:
        raise LauncherError(
            f"No log has a line of {wanted}.",
            "The id is `trace_id` of a problem document or of GET /api/sagas/, or an order's id. Old lines go.",
        )
    width = max(len(line.process) for line in lines)
    before = lines[0].at
    for line in lines:
        since = (line.at - before).total_seconds() * 1000
        console.print(
            f"{line.at:%H:%M:%S.%f}"[:-3] + f" {since:+9.0f} ms  {line.process:<{width}}  {line.text}",
            markup=False,
            soft_wrap=True,
        )
        before = line.at
    took = (lines[-1].at - lines[0].at).total_seconds() * 1000
    processes = len({line.process for line in lines})
    console.print(f"\n{len(lines)} lines of {processes} processes in {took:.0f} ms")


def _traced(instance: Instance, wanted: str) -> Iterator[Line]:
    logs = sorted(instance.logs.glob("*.log")) + sorted(instance.logs.glob("*.log.1"))
    ids = {wanted} | {found for log in logs for found in _trace_ids(log, wanted)}
    for log in logs:
        for line in _lines(log):
            if any(each in line for each in ids) and (at := _time_of(line)):
                yield Line(_moment(at), log.name.partition(".log")[0], _told(line))


def _trace_ids(log: Path, wanted: str) -> Iterator[str]:
    """The traces of the lines in which `wanted` stands."""
    for line in _lines(log):
        if wanted in line and (found := TRACE_ID.search(line)):
            yield found[1]


def _lines(log: Path) -> Iterator[str]:
    with log.open(errors="replace") as stream:
        yield from stream


def _moment(text: str) -> datetime:
    """Lines without a zone are UTC: the platform runs in it."""
    return datetime.fromisoformat(text if text[-1] == "Z" or "+" in text else f"{text}Z")


def _told(line: str) -> str:
    """What a line says, without what is shown beside it anyway."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return TRACE_ID.sub("", TIME.sub("", line, count=1)).strip()
    more = " ".join(f"{name}={value}" for name, value in fields.items() if name not in NOT_SHOWN)
    return f"{fields.get('event', '')} {more}".strip()
