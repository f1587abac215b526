"""Rendered lists, kept in memory for as long as nothing in the catalogue changes.

A list costs two or three queries and the writing of a hundred fields; whether it still holds costs one
look-up by primary key. Every write of the catalogue replaces the revision in its own transaction, so a page
that is kept under the newest revision is exactly what the queries would bring, in every process.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from bson import ObjectId

from apps.product import queries
from apps.product.entity_tags import tag_of

KEPT = 500  # pages: some 10 MB
LONGEST_KEY = 500  # characters of a query: nobody asks a longer one twice


class Page(NamedTuple):
    """A list as it is sent."""

    body: bytes
    tag: str


class Shelf:
    """The pages of one process; thread-safe. The page that was not asked for longest goes first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._revision: ObjectId | None = None
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, key: str, render: Callable[[], bytes]) -> Page:
        """The page that `render` makes, or made since the catalogue last changed."""
        revision = queries.revision()  # before rendering: a change in between makes the page newer than its label
        page = self._find(revision, key)
        if page is None:
            body = render()
            page = Page(body, tag_of(body))
            self._keep(revision, key, page)
        return page

    def _find(self, revision: ObjectId | None, key: str) -> Page | None:
        with self._lock:
            if revision is None or revision != self._revision or key not in self._pages:
                return None
            self._pages.move_to_end(key)
            return self._pages[key]

    def _keep(self, revision: ObjectId | None, key: str, page: Page) -> None:
        if revision is None or len(key) > LONGEST_KEY:
            return
        with self._lock:
            if revision != self._revision:
                self._pages.clear()
                self._revision = revision
            self._pages[key] = page
            while len(self._pages) > self._kept:
                self._pages.popitem(last=False)


SHELF = Shelf()
