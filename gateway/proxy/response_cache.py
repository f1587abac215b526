"""Answers that are kept in memory for a moment, so that many readers cost a service one question.

A shared cache of RFC 9111, as small as it can be: it keeps only what a service has given an entity tag, never
what the service's `Cache-Control` keeps for one person, and never what varies by anything but `Accept`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.security.header_filter import Header
from shared.http.preconditions import Preconditions, Verdict

CACHE_BYTES = 16 * 1024 * 1024
LARGEST_BODY = 256 * 1024
OVERHEAD = 1024  # bytes that a kept answer costs besides its key and body, about
PRIVATE = {b"no-store", b"no-cache", b"private"}

Key = tuple[bytes, bytes, bytes]  # path, query in order, Accept


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """An answer (status 200) as it came at `since` (loop time), good until `until`."""

    headers: list[Header]
    body: bytes
    tag: bytes
    since: float
    until: float

    def headers_now(self, now: float) -> list[Header]:
        """Its headers with its age in seconds (RFC 9111, section 5.1)."""
        return [*self.headers, (b"age", b"%d" % (now - self.since))]

    def is_not_modified(self, method: str, conditions: Preconditions) -> bool:
        """Whether the caller has it already; no request with `If-Match` gets here."""
        return conditions.verdict(method, self.tag.decode("latin-1")) is Verdict.NOT_MODIFIED


class ResponseCache:
    """The answers of one process. What was not asked for longest goes first."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._limit = cache_bytes
        self._cached: OrderedDict[Key, CachedResponse] = OrderedDict()
        self.size = 0
        # How often it was emptied: a response that was asked for before must not be put in afterwards.
        self.generation = 0

    def find(self, key: Key, now: float) -> CachedResponse | None:
        """What is kept under `key` and still good."""
        cached = self._cached.get(key)
        if cached is None:
            return None
        if cached.until <= now:
            self._drop(key)
            return None
        self._cached.move_to_end(key)
        return cached

    def put(self, key: Key, cached: CachedResponse) -> None:
        """Put a response in, and drop those used longest ago where that is too much."""
        self._drop(key)
        self._cached[key] = cached
        self.size += _cost(key, cached)
        while self.size > self._limit:
            self._drop(next(iter(self._cached)))

    def empty(self) -> None:
        """Something changed: nothing that was kept may be shown any more."""
        self.generation += 1
        self._cached.clear()
        self.size = 0

    def _drop(self, key: Key) -> None:
        cached = self._cached.pop(key, None)
        if cached is not None:
            self.size -= _cost(key, cached)


def _cost(key: Key, cached: CachedResponse) -> int:
    return OVERHEAD + len(cached.body) + sum(map(len, key))


def seconds_fresh(status: int, headers: Iterable[Header], most: float) -> float:
    """How long an answer may be kept, `most` at the most; 0 where it may not be kept at all."""
    found = dict(headers)
    length = found.get(b"content-length", b"")
    if status != 200 or b"etag" not in found or not length.isdigit() or int(length) > LARGEST_BODY:  # noqa: PLR2004
        return 0.0
    if not _tokens(found.get(b"vary", b"")) <= {b"accept"}:
        return 0.0
    directives = _tokens(found.get(b"cache-control", b""))
    if directives & PRIVATE:
        return 0.0
    return min(most, _directive(directives, b"s-maxage=", _directive(directives, b"max-age=", most)))


def _directive(directives: set[bytes], name: bytes, otherwise: float) -> float:
    said = [each[len(name) :] for each in directives if each.startswith(name)]
    return float(said[0]) if said and said[0].isdigit() else otherwise


def _tokens(value: bytes) -> set[bytes]:
    return {word.strip().lower() for word in value.split(b",") if word.strip()}
