"""The list of products in the back office: pages by an index, and the words of a search, however large the catalogue."""

from functools import cached_property
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.paginator import Page
from django.db.models import Lookup, Q, QuerySet
from django_mongodb_backend.fields import ArrayField

from apps.product import queries
from apps.product.models import Product
from apps.product.mongo_list import Match, MongoList
from apps.product.mongodb import mongo
from apps.product.search_terms import Term, terms_of
from shared.admin.options import COUNTED, BoundedPaginator

COLUMNS = {"pk": "_id", "id": "_id"}  # what MongoDB calls them, where it is something else
EITHER = {"$in": [True, False]}  # every index of a list begins with `is_active`: this lets it answer for both


@ArrayField.register_lookup
class HasWord(Lookup):
    """`words__begin="cof"`: some word of the index begins so."""

    lookup_name = "begin"
    prepare_rhs = False

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> Match:
        """A range in the index."""
        return {self.lhs.target.column: queries.beginning(str(self.rhs))}


def found_by(search: str) -> Q:
    """What the shop's own search finds, as a condition of a query set."""
    terms = terms_of(search)
    return Q(*(_has(term) for term in terms)) if terms else Q(pk=queries.NOBODY)


def _has(term: Term) -> Q:
    literal = Q(words__begin=term.literal)
    return literal | Q(*(Q(words__begin=part) for part in term.parts)) if term.parts else literal


def listing_of(products: QuerySet[Product]) -> MongoList[Product]:
    """`products` in their order, read from an index: the backend's own `order_by` would sort all of them."""
    compiler: Any = products.query.get_compiler(connection=mongo)
    compiler.pre_sql_setup()
    try:
        match = compiler.build_query().match_mql
    except EmptyResultSet:
        match = {"_id": queries.NOBODY}
    return MongoList(Product, {"$and": [{"is_active": EITHER}, match]}, _order_of(products))


def _order_of(products: QuerySet[Product]) -> dict[str, int]:
    """As MongoDB has it, all in one direction: an index is read forwards or backwards as a whole."""
    names = [str(name) for name in products.query.order_by or ("-created_at", "-pk")]
    direction = -1 if names[0].startswith("-") else 1
    columns = (name.removeprefix("-") for name in names)
    return {COLUMNS.get(column, column): direction for column in columns}


class ProductPaginator(BoundedPaginator):
    """Pages of `listing_of`; of anything but products (the history of one) as elsewhere."""

    @cached_property
    def listing(self) -> MongoList[Product] | None:
        """The list that this paginator cuts."""
        found: Any = self.object_list
        return listing_of(found) if found.model is Product else None

    @cached_property
    def count(self) -> int:
        """How many there are, `COUNTED` at most where something is searched or filtered; an estimate of everything."""
        found: Any = self.object_list
        if self.listing is None or not found.query.where:
            return super().count
        return self.listing.count_to(at_most=COUNTED)

    def page(self, number: Any) -> "Page[Any]":
        """One page, without the others being read."""
        if self.listing is None:
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = self.listing[first : first + self.per_page]
        return Page(rows, number, self)
