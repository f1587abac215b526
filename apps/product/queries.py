"""Reads of the catalogue."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypedDict

from bson import Decimal128, ObjectId
from bson.errors import InvalidId
from django.db.models import Model

from apps.product import image_urls
from apps.product.errors import CategoryNotFound, ProductNotFound
from apps.product.models import Category, Product, Revision
from apps.product.mongo_list import RANK, Match, MongoList
from apps.product.mongodb import mongo
from apps.product.search_terms import Term, plain, terms_of

ID = re.compile(r"[0-9a-f]{24}")
CATALOGUE = "catalogue"
NOBODY = ObjectId(bytes(12))
ORDERINGS = {
    "name": {"name_key": 1, "_id": 1},
    "-name": {"name_key": -1, "_id": -1},
    "price": {"price": 1, "_id": 1},
    "-price": {"price": -1, "_id": -1},
    "created_at": {"created_at": 1, "_id": 1},
    "-created_at": {"created_at": -1, "_id": -1},
}
NEWEST = "-created_at"
BEYOND = "\U0010ffff"  # after every letter


class Wanted(TypedDict, total=False):
    """What a list of products is narrowed and ordered by."""

    search: str
    category: str
    min_price: Decimal
    max_price: Decimal
    is_active: bool
    ordering: str


def revision() -> ObjectId | None:
    """The newest state of the catalogue; None before anything was written. One look-up by primary key."""
    document = mongo.get_collection(Revision._meta.db_table).find_one(
        {"_id": CATALOGUE}, session=mongo.session
    )
    return document["token"] if document else None


def shown_pictures(digests: Iterable[str]) -> set[str]:
    """Those of some uploaded pictures that a product shows, archived or not, in whichever width."""
    places = [image_urls.uploaded(digest, width) for digest in digests for width in image_urls.WIDTHS]
    shown = Product.objects.filter(image__in=places).values_list("image", flat=True)
    return {found["digest"] for found in map(image_urls.UPLOADED.fullmatch, shown) if found}


def products(wanted: Wanted) -> MongoList[Product]:
    """The products that `wanted` describes, active ones unless it says otherwise.

    Newest first unless told; of a search what has it in its name comes before what has it in its description.
    """
    match: Match = {"is_active": wanted.get("is_active", True)}
    if "category" in wanted:
        match["categories"] = _category_id(wanted["category"])
    if prices := _between(wanted.get("min_price"), wanted.get("max_price")):
        match["price"] = prices
    order = ORDERINGS[wanted.get("ordering", NEWEST)]
    if "search" not in wanted:
        return MongoList(Product, match, order)
    terms = terms_of(wanted["search"])
    match["$and"] = [_has(term) for term in terms] or [{"_id": NOBODY}]
    if "ordering" in wanted or all(len(term.literal) == 1 for term in terms):
        # So much is found by a letter that ranking would read most of the catalogue, and all of it begins words.
        return MongoList(Product, match, order)
    return MongoList(Product, match, {RANK: 1, **order}, _rank(plain(wanted["search"]), terms))


def _category_id(slug: str) -> ObjectId:
    # No product is in a category without an id: an unknown slug finds nothing.
    found: ObjectId | None = Category.objects.filter(slug=slug).values_list("id", flat=True).first()
    return found or NOBODY


def _between(low: Decimal | None, high: Decimal | None) -> dict[str, Decimal128]:
    limits = {"$gte": low, "$lte": high}
    return {sign: Decimal128(limit) for sign, limit in limits.items() if limit is not None}


def _has(term: Term) -> Match:
    if not term.parts:
        return _word(term.literal)
    return {"$or": [_word(term.literal), {"$and": [_word(part) for part in term.parts]}]}


def _word(text: str) -> Match:
    return {"words": beginning(text)}


def beginning(text: str) -> Match | str:
    """The condition that some word of the index begins with `text`."""
    # A range and no regular expression: nothing of what people type needs escaping, and an index answers it.
    return text if len(text) == 1 else {"$elemMatch": {"$gte": text, "$lt": text + BEYOND}}


def _rank(search: str, terms: Sequence[Term]) -> Match:
    """0: the name begins with what was typed; 1: it has every term; 2: the description has one of them."""
    branches = [
        {"case": {"$eq": [_place(search), 0]}, "then": 0},
        {"case": {"$and": [_is_in_name(term) for term in terms]}, "then": 1},
    ]
    return {"$switch": {"branches": branches, "default": 2}}


def _is_in_name(term: Term) -> Match:
    ways = [[term.literal], *([term.parts] if term.parts else [])]
    return {"$or": [{"$and": [{"$gte": [_place(text), 0]} for text in way]} for way in ways]}


def _place(text: str) -> Match:
    # A document that the release before wrote has no `name_key`.
    return {"$indexOfCP": [{"$ifNull": ["$name_key", ""]}, {"$literal": text}]}


def product(product_id: str | ObjectId) -> Product:
    """The product with this id; raises ProductNotFound."""
    try:
        return Product.objects.get(pk=_id(product_id))
    except (Product.DoesNotExist, InvalidId):
        raise ProductNotFound from None


def products_by_id(ids: Iterable[str]) -> dict[str, Product]:
    """Those of these products that there are, by id."""
    wanted = [ObjectId(each) for each in ids]
    return {str(each.pk): each for each in Product.objects.filter(pk__in=wanted)} if wanted else {}


def product_ids_after(last: ObjectId | None, limit: int) -> list[ObjectId]:
    """The ids of the next `limit` products, archived ones too."""
    found = Product.objects.filter(pk__gt=last or NOBODY).order_by("pk")
    return list(found.values_list("pk", flat=True)[:limit])


def category(category_id: str | ObjectId) -> Category:
    """The category with this id; raises CategoryNotFound."""
    try:
        return Category.objects.get(pk=_id(category_id))
    except (Category.DoesNotExist, InvalidId):
        raise CategoryNotFound from None


def _id(text: str | ObjectId) -> ObjectId:
    # ObjectId() would take upper case, too, and then one product had several addresses.
    if isinstance(text, str) and not ID.fullmatch(text):
        raise InvalidId
    return ObjectId(text)


def categories() -> MongoList[Category]:
    """Every category, by name."""
    return MongoList(Category, {}, {"name_key": 1, "_id": 1})


def categories_of(found: Iterable[Product]) -> Mapping[ObjectId, Category]:
    """The categories of all of `found`, in one query."""
    ids = {category_id for item in found for category_id in item.categories}
    return {item.pk: item for item in Category.objects.filter(pk__in=ids)} if ids else {}


def category_names(ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """The names of these categories, of those that there are, in one query."""
    wanted = set(ids)
    return dict(Category.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}


def missing_categories(ids: Iterable[ObjectId]) -> set[ObjectId]:
    """Those of `ids` that no category has."""
    wanted = set(ids)
    return (
        wanted - set(Category.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    )


def is_slug_taken(model: type[Model], slug: str, except_for: object = None) -> bool:
    """Whether another document of `model` has this slug."""
    return model._default_manager.filter(slug=slug).exclude(pk=except_for).exists()
