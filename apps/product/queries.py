"""Reads of the catalogue."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypedDict

from bson import ObjectId
from bson.errors import InvalidId
from django.db.models import Model, QuerySet

from apps.product.errors import CategoryNotFound, ProductNotFound
from apps.product.models import Category, Product, Revision
from apps.product.store import mongo
from apps.product.words import words_of

ID = re.compile(r"[0-9a-f]{24}")
CATALOGUE = "catalogue"
ORDERINGS = {
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
    "price": ("price", "id"),
    "-price": ("-price", "-id"),
    "created_at": ("created_at", "id"),
    "-created_at": ("-created_at", "-id"),
}


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


def products(wanted: Wanted) -> QuerySet[Product]:
    """The products that `wanted` describes, active ones unless it says otherwise, newest first unless told."""
    found = Product.objects.filter(is_active=wanted.get("is_active", True))
    if "category" in wanted:
        found = found.filter(categories__contains=_category_ids(wanted["category"]))
    if "min_price" in wanted:
        found = found.filter(price__gte=wanted["min_price"])
    if "max_price" in wanted:
        found = found.filter(price__lte=wanted["max_price"])
    if "search" in wanted:
        found = _search(found, wanted["search"])
    return found.order_by(*ORDERINGS[wanted.get("ordering", "-created_at")])


def _category_ids(slug: str) -> list[ObjectId]:
    # No product is in a category without an id: an unknown slug finds nothing.
    found = Category.objects.filter(slug=slug).values_list("id", flat=True)
    return list(found) or [ObjectId(bytes(12))]


def _search(found: QuerySet[Product], text: str) -> QuerySet[Product]:
    words = words_of(text)
    for word in words:
        found = found.filter(words__has_prefix=word)
    return found if words else found.none()


def product(product_id: str | ObjectId) -> Product:
    """The product with this id; raises ProductNotFound."""
    try:
        return Product.objects.get(pk=_id(product_id))
    except (Product.DoesNotExist, InvalidId):
        raise ProductNotFound from None


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


def categories() -> QuerySet[Category]:
    """Every category, by name."""
    return Category.objects.order_by("name", "id")


def categories_of(found: Iterable[Product]) -> Mapping[ObjectId, Category]:
    """The categories of all of `found`, in one query."""
    ids = {category_id for item in found for category_id in item.categories}
    return {item.pk: item for item in Category.objects.filter(pk__in=ids)} if ids else {}


def missing_categories(ids: Iterable[ObjectId]) -> set[ObjectId]:
    """Those of `ids` that no category has."""
    wanted = set(ids)
    return (
        wanted - set(Category.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    )


def is_slug_taken(model: type[Model], slug: str, except_for: object = None) -> bool:
    """Whether another document of `model` has this slug."""
    return model._default_manager.filter(slug=slug).exclude(pk=except_for).exists()
