"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one id that follows a request through every service.

Only the propagation is here. A span exporter reads the same headers, so nothing changes when one is added.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

HEADER = "traceparent"
_FORMAT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar["TraceParent | None"] = ContextVar("traceparent", default=None)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """One hop of a trace: the trace it belongs to and the span that made this hop."""

    trace_id: str
    span_id: str
    flags: str = "01"

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def child(self) -> "TraceParent":
        """The next hop of the same trace."""
        return TraceParent(self.trace_id, os.urandom(8).hex(), self.flags)


def start() -> TraceParent:
    """The first hop of a new trace."""
    return TraceParent(os.urandom(16).hex(), os.urandom(8).hex())


def parse(header: str | None) -> TraceParent | None:
    """The hop that a `traceparent` header names, or None where it is absent or not valid."""
    match = _FORMAT.fullmatch(header or "")
    if match is None or match[1] == "0" * 32 or match[2] == "0" * 16:
        return None
    return TraceParent(*match.groups())


def continue_from(header: str | None) -> TraceParent:
    """A child of the hop in `header`; a new trace where there is none (section 4.3 of the standard)."""
    parent = parse(header)
    return parent.child() if parent else start()


def current() -> TraceParent | None:
    """The hop that this request or message belongs to."""
    return _current.get()


@contextmanager
def use(hop: TraceParent | None) -> Iterator[None]:
    """Make `hop` the current one inside the block."""
    token = _current.set(hop)
    try:
        yield
    finally:
        _current.reset(token)
