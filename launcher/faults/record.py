"""What each client was told: the evidence that the shop has to live up to.

A call is `ok` (2xx), `failed` (4xx: the shop says that nothing happened) or `unknown` (no answer, or a 5xx:
it may have happened or not). A line of JSON for each call, in a file that outlives whoever wrote it.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["ok", "failed", "unknown"]
What = Literal["order", "cancel", "price", "adjustment"]


@dataclass(frozen=True, slots=True)
class Call:
    """One try of a client. `subject` is the order, product or movement that an answer named or the call was about."""

    what: What
    customer: str
    key: str
    outcome: Outcome
    status: int  # 0: no answer
    seconds: float
    at: str  # RFC 3339
    subject: str = ""
    detail: str = ""


def outcome_of(status: int) -> Outcome:
    """What a client may conclude from a status; 0 stands for no answer."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110's classes
        return "ok"
    return "failed" if 400 <= status < 500 else "unknown"  # noqa: PLR2004 - as above


class Record:
    """Writes calls to `path` as they end. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[tuple[What, Outcome]] = Counter()
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")

    def add(self, call: Call) -> None:
        """Keep it."""
        with self._lock:
            self.counts[call.what, call.outcome] += 1
            self._file.write(json.dumps(asdict(call)) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing comes any more."""
        self._file.close()


def read(path: Path) -> Iterator[Call]:
    """The calls of a file, in the order in which they ended."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Call(**json.loads(line))
