"""An ordered list of documents that a paginator can count and cut.

The backend's own `order_by` puts `$addFields` before `$sort`, and then MongoDB reads and sorts everything that
matches, whatever index there is (measured: tests/product/test_indexes.py). So lists say their pipeline themselves.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model
from django_mongodb_backend.queryset import RawQuerySet

from apps.product.mongodb import mongo

RANK = "rank"
UNSEEN = ["words", "name_key", RANK]  # what no list shows need not be sent

M = TypeVar("M", bound=Model)

Match = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MongoList(Generic[M]):
    """What matches, in an order that leaves no two documents equal; an index should hold both."""

    model: type[M]
    match: Match
    order: dict[str, int]
    rank: Match | None = None  # an expression that `order` may name by RANK

    def count(self) -> int:
        """The number of documents. Without any parameter: Django's paginator asks no other `count`."""
        return self.count_to(None)

    def count_to(self, at_most: int | None) -> int:
        """How many there are; it is not counted further than `at_most`."""
        limit = {} if at_most is None else {"limit": at_most}
        counted: int = mongo.get_collection(self.model._meta.db_table).count_documents(
            self.match, session=mongo.session, **limit
        )
        return counted

    def __getitem__(self, part: slice) -> list[M]:
        if not part.stop:  # the page of an empty list; MongoDB has no limit of zero
            return []
        return list(RawQuerySet(self.pipeline(part), model=self.model))

    def pipeline(self, part: slice) -> list[dict[str, Any]]:
        """The aggregation pipeline that brings a part of the list."""
        first = part.start or 0
        return [
            {"$match": self.match},
            *([{"$addFields": {RANK: self.rank}}] if self.rank else []),
            {"$sort": self.order},
            {"$skip": first},
            {"$limit": part.stop - first},
            {"$unset": UNSEEN},
        ]
