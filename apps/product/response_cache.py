"""Rendered answers, kept in memory for as long as nothing in the catalogue changes.

A list costs three or four queries and the writing of some hundred fields; whether it still holds costs one
look-up by primary key, and another one after it was rendered anew. Every write of the catalogue replaces the revision in
its own transaction, so a page that is kept under the newest revision is exactly what the queries would bring, in every process.

How many products a list has is kept as well: whoever turns its pages has it counted once, and MongoDB counts by walking
through an index.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bson import ObjectId

from apps.product import queries
from shared.http.preconditions import strong_tag

CACHE_BYTES = 16 * 1024 * 1024
LONGEST_KEY = 500  # characters of an address: nobody asks a longer one twice
MOST_COUNTS = 1000  # that are kept; beyond them it is counted anew


class CachedResponse(NamedTuple):
    """An answer as it is sent; `revision` is the state of the catalogue that it shows, empty where it may show two."""

    body: bytes
    tag: str
    revision: str


class _Counts(threading.local):
    """What is counted while this thread renders a page: known of that revision, and new; None outside."""

    known: Mapping[str, int] | None = None
    new: dict[str, int]


class ResponseCache:
    """The responses of one process; thread-safe. The one that was not asked for longest goes first."""

    def __init__(self, kept_bytes: int = CACHE_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._revision: ObjectId | None = None
        self._responses: OrderedDict[str, CachedResponse] = OrderedDict()
        self._counts: dict[str, int] = {}
        self._rendering = _Counts()
        self._lock = threading.Lock()

    def response(self, key: str, render: Callable[[], bytes]) -> CachedResponse:
        """The response that `render` makes, or made since the catalogue last changed."""
        revision = queries.revision()
        response = self._find(revision, key)
        if response is None:
            body = self._rendered(revision, render)
            is_of_one_state = queries.revision() == revision  # nothing changed between the queries
            response = CachedResponse(body, strong_tag(body), str(revision) if is_of_one_state else "")
            if is_of_one_state:
                self._keep(revision, key, response)
        return response

    def count(self, what: str, ask: Callable[[], int]) -> int:
        """How many `ask` counts, or counted of the revision that is being rendered; `what` names what is counted."""
        rendering = self._rendering
        if rendering.known is None:
            return ask()
        if what in rendering.known:
            return rendering.known[what]
        rendering.new[what] = counted = ask()
        return counted

    def _rendered(self, revision: ObjectId | None, render: Callable[[], bytes]) -> bytes:
        with self._lock:
            self._rendering.known = (
                self._counts if revision is not None and revision == self._revision else {}
            )
        self._rendering.new = {}
        try:
            return render()
        finally:
            self._rendering.known = None

    def _find(self, revision: ObjectId | None, key: str) -> CachedResponse | None:
        with self._lock:
            if revision is None or revision != self._revision or key not in self._responses:
                return None
            self._responses.move_to_end(key)
            return self._responses[key]

    def _keep(self, revision: ObjectId | None, key: str, response: CachedResponse) -> None:
        if revision is None or len(key) > LONGEST_KEY:
            return
        with self._lock:
            if revision != self._revision:
                self._responses.clear()
                self._counts = {}  # not cleared: a thread may go by what was counted of the revision before
                self._bytes, self._revision = 0, revision
            if len(self._counts) < MOST_COUNTS:
                self._counts.update(self._rendering.new)
            if key not in self._responses:
                self._responses[key] = response
                self._bytes += len(response.body)
            while self._bytes > self._kept_bytes:
                self._bytes -= len(self._responses.popitem(last=False)[1].body)


CACHE = ResponseCache()
