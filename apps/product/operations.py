"""Writes to the catalogue. Each is one transaction: the documents, the events about them, the new revision."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypedDict

from bson import ObjectId
from django.utils import timezone
from django.utils.text import slugify
from django_mongodb_backend.query import wrap_database_errors
from pymongo import UpdateOne

from apps.product import image_urls, picture_files, queries
from apps.product.errors import (
    PictureGone,
    PictureMissing,
    ProductNotFound,
    SlugTaken,
    UnknownCategories,
    UnknownProduct,
)
from apps.product.imaging import Picture
from apps.product.models import MAX_SLUG, Category, Product, Revision
from apps.product.mongodb import mongo
from apps.product.transactions import in_transaction
from shared.contracts import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from shared.history.record import line_of, record, record_all
from shared.messaging import outbox

Precondition = Callable[[Any], None]  # of the product or category that is about to change
AT_ONCE = 1_000  # products that one transaction tells of
EMPTIED_AT_ONCE = (
    200  # products that one transaction takes out of a category: each has an event and a line of the history
)
# What the history tells of a product that is new
TOLD = ("name", "slug", "description", "price", "currency", "categories", "image", "is_active")


class ProductFields(TypedDict, total=False):
    """The fields that a manager may set."""

    name: str
    slug: str
    description: str
    price: Decimal
    currency: str
    categories: list[ObjectId]
    image: str
    is_active: bool


def whatever_it_is(_: object) -> None:
    """The precondition of a caller who named none."""


@dataclass(frozen=True)
class ProductChange:
    """What one of many products is to become."""

    product_id: str
    fields: ProductFields
    precondition: Precondition = whatever_it_is


class CategoryFields(TypedDict, total=False):
    """The fields that a manager may set."""

    name: str
    slug: str


@in_transaction
def create_product(fields: ProductFields) -> Product:
    """Bring a product into the catalogue; raises SlugTaken, UnknownCategories."""
    product = Product(pk=ObjectId(), **fields)
    product.updated_at = product.created_at
    _check_categories(product.categories)
    product.slug = free_slug(product)
    _check_pictures([product])
    product.save(force_insert=True)
    announce(ProductCreated, [product])
    return product


@in_transaction
def change_product(
    product_id: str, fields: ProductFields, precondition: Precondition = whatever_it_is
) -> Product:
    """Change what `fields` names; raises ProductNotFound, SlugTaken, UnknownCategories and what `precondition` does."""
    product = queries.product(product_id)
    precondition(product)
    was_active = product.is_active
    if product.change(**fields):
        _check_categories(fields.get("categories", ()))
        _check_slug(product)
        if "image" in product.was:
            _check_pictures([product])
        product.save(force_update=True)
        announce(ProductArchived if was_active and not product.is_active else ProductUpdated, [product])
    return product


@in_transaction
def create_products(many: Sequence[ProductFields]) -> list[Product]:
    """Bring all of them into the catalogue or none, in few round trips; raises as `create_product`."""
    products = [Product(pk=ObjectId(), **fields) for fields in many]
    _check_categories({each for product in products for each in product.categories})
    wanted = [product.slug for product in products if product.slug]
    if len(set(wanted)) < len(wanted) or Product.objects.filter(slug__in=wanted).exists():
        raise SlugTaken
    for product in products:
        product.updated_at = product.created_at
        product.slug = product.slug or free_slug(product)
        product.index()
    _check_pictures(products)
    Product.objects.bulk_create(products)
    announce(ProductCreated, products)
    return products


@in_transaction
def change_products(many: Sequence[ProductChange]) -> list[Product]:
    """Change all of them or none, in few round trips; raises as `change_product`."""
    found = queries.products_by_id(change.product_id for change in many)
    products, archived, updated = list[Product](), list[Product](), list[Product]()
    for change in many:
        if (product := found.get(change.product_id)) is None:
            raise ProductNotFound
        change.precondition(product)
        was_active = product.is_active
        products.append(product)
        if product.change(**change.fields):
            (archived if was_active and not product.is_active else updated).append(product)
    changed = [*archived, *updated]
    _check_categories({each for change in many for each in change.fields.get("categories", ())})
    for product in (found[change.product_id] for change in many if "slug" in change.fields):
        _check_slug(product)
    _check_pictures(product for product in changed if "image" in product.was)
    if changed:
        _save_all(changed)
        publish(ProductArchived, archived)
        announce(ProductUpdated, updated)
    return products


@wrap_database_errors  # type: ignore[untyped-decorator]
def _save_all(products: Sequence[Product]) -> None:
    """As `save`, in one round trip."""
    for product in products:
        product.index()
    fields = [field for field in Product._meta.concrete_fields if not field.primary_key]
    mongo.get_collection(Product._meta.db_table).bulk_write(
        [
            UpdateOne(
                {"_id": product.pk},
                {
                    "$set": {
                        field.column: field.get_db_prep_save(getattr(product, field.attname), mongo)
                        for field in fields
                    }
                },
            )
            for product in products
        ],
        session=mongo.session,
    )


@in_transaction
def set_picture(product_id: str, picture: Picture, precondition: Precondition = whatever_it_is) -> Product:
    """Show a picture whose files are kept; raises PictureGone where they are not any more, and as `change_product`."""
    address = image_urls.uploaded(picture.digest, image_urls.SHOWN)
    try:
        return change_product(product_id, {"image": address}, precondition)
    except PictureMissing:
        raise PictureGone from None


def remove_picture(product_id: str, precondition: Precondition = whatever_it_is) -> Product:
    """Show no picture of a product; a second time changes nothing."""
    return change_product(product_id, {"image": ""}, precondition)


def tidy_pictures(digests: Sequence[str], older_than: timedelta) -> int:
    """Delete the files of those pictures that no product shows and that were written so long ago; says how many.

    One that is written again after its age was looked at may go all the same: who shows it finds that out.
    """
    shown = queries.shown_pictures(digests)
    unused = [
        digest for digest in digests if digest not in shown and picture_files.are_old(digest, older_than)
    ]
    return sum(_delete_unused(digest) for digest in unused)


@in_transaction
def _delete_unused(digest: str) -> bool:
    # Every change of the catalogue waits for this transaction, or this one for it: `renew` writes what each of them
    # writes. So no product comes to show it between this look and the deletion. They wait for three files at most.
    renew()
    if queries.shown_pictures([digest]):
        return False
    picture_files.delete(digest)
    return True


def archive_product(product_id: str, precondition: Precondition = whatever_it_is) -> None:
    """Take a product off sale; a second time changes nothing."""
    change_product(product_id, {"is_active": False}, precondition)


@in_transaction
def create_category(fields: CategoryFields) -> Category:
    """Set up a category; raises SlugTaken."""
    category = Category(pk=ObjectId(), **fields)
    category.slug = free_slug(category)
    category.save(force_insert=True)
    record(category, "created", {"name": (None, category.name), "slug": (None, category.slug)})
    renew()
    return category


@in_transaction
def change_category(
    category_id: str, fields: CategoryFields, precondition: Precondition = whatever_it_is
) -> Category:
    """Change what `fields` names; raises CategoryNotFound, SlugTaken and what `precondition` does."""
    category = queries.category(category_id)
    precondition(category)
    different = {name: value for name, value in fields.items() if getattr(category, name) != value}
    was = {name: getattr(category, name) for name in different}
    for name, value in different.items():
        setattr(category, name, value)
    if different:
        _check_slug(category)
        category.save(force_update=True)
        record(category, "changed", {name: (was[name], value) for name, value in different.items()})
        renew()
    return category


def delete_category(category_id: str, precondition: Precondition = whatever_it_is) -> None:
    """Take its products out of a category and delete it; raises CategoryNotFound and what `precondition` does.

    A large one is emptied in several transactions. Where that ends early, it is there still, with fewer products,
    and can be deleted again.
    """
    while not _delete_or_empty(category_id, precondition):
        pass


@in_transaction
def _delete_or_empty(category_id: str, precondition: Precondition) -> bool:
    """Take as many products out as one transaction bears, and delete the category with the last of them."""
    category = queries.category(category_id)
    precondition(category)
    products = list(Product.objects.filter(categories__contains=[category.pk])[:EMPTIED_AT_ONCE])
    _take_all_out(category, products)
    announce(ProductUpdated, products)
    is_empty = len(products) < EMPTIED_AT_ONCE
    if is_empty:
        record(category, "deleted", {"name": (category.name, None), "slug": (category.slug, None)})
        category.delete()
    return is_empty


@in_transaction
def put_in_category(category_id: str, product_id: ObjectId) -> tuple[Product, bool]:
    """Put a product in a category. Returns it and whether it was not there before; raises UnknownProduct."""
    category = queries.category(category_id)
    try:
        product = queries.product(product_id)
    except ProductNotFound:
        raise UnknownProduct from None
    return product, _recategorise(product, [*product.categories, category.pk])


@in_transaction
def take_out_of_category(category_id: str, product_id: str) -> None:
    """Take a product out of a category; a second time changes nothing."""
    category, product = queries.category(category_id), queries.product(product_id)
    _recategorise(product, [item for item in product.categories if item != category.pk])


def _recategorise(product: Product, categories: Iterable[ObjectId]) -> bool:
    changed = product.change(categories=list(dict.fromkeys(categories)))
    if changed:
        product.save(force_update=True)
        announce(ProductUpdated, [product])
    return changed


def _take_all_out(category: Category, products: Sequence[Product]) -> None:
    for product in products:
        product.change(categories=[item for item in product.categories if item != category.pk])
    mongo.get_collection(Product._meta.db_table).update_many(
        {"_id": {"$in": [product.pk for product in products]}},
        {
            "$pull": {"categories": category.pk},
            "$inc": {"version": 1},
            "$set": {"updated_at": timezone.now()},
        },
        session=mongo.session,
    )


def announce(kind: type[ProductEvent], products: Iterable[Product]) -> None:
    """Publish an event about each of `products` in the current transaction, and renew the catalogue."""
    publish(kind, list(products))
    renew()


def publish(kind: type[ProductEvent], products: Sequence[Product]) -> None:
    """An event about each of `products`, and in the history what became of it; both or none, as the transaction."""
    outbox.publish(*(_event(kind, product) for product in products))
    write_down(kind, products)


def write_down(kind: type[ProductEvent], products: Sequence[Product]) -> None:
    """A line of the history for each product that is new or another than before."""
    found = [
        (product, dict.fromkeys(TOLD) if kind is ProductCreated else product.was)
        for product in products
        if kind is ProductCreated or product.was
    ]
    names = queries.category_names(
        each for product, was in found for each in (*(was.get("categories") or ()), *product.categories)
    )
    record_all(
        line_of(product, _done(kind, was), _differences(product, was, names)) for product, was in found
    )


def _done(kind: type[ProductEvent], was: Mapping[str, Any]) -> str:
    if kind is ProductCreated:
        return "created"
    return "changed" if "is_active" not in was else "archived" if was["is_active"] else "restored"


def _differences(
    product: Product, was: Mapping[str, Any], names: Mapping[ObjectId, str]
) -> dict[str, tuple[Any, Any]]:
    """Field -> what it was, what it is; categories by their names, and nothing of what was and is empty."""

    def told(name: str, value: Any) -> Any:
        return [names.get(each, each) for each in value or ()] if name == "categories" else value

    both = {name: (told(name, value), told(name, getattr(product, name))) for name, value in was.items()}
    return {
        name: values for name, values in both.items() if any(each not in (None, "", []) for each in values)
    }


def announce_all() -> int:
    """Tell of every product as it is, so that a copy which missed an event has it; returns how many there are.

    Whoever knows a product's version already changes nothing.
    """
    total, last = 0, None
    while ids := queries.product_ids_after(last, AT_ONCE):
        _announce_some(ids)
        total, last = total + len(ids), ids[-1]
    return total


@in_transaction
def _announce_some(ids: Sequence[ObjectId]) -> None:
    products = list(Product.objects.filter(pk__in=ids).order_by("pk"))
    announce(ProductUpdated, [product for product in products if product.is_active])
    announce(ProductArchived, [product for product in products if not product.is_active])


def _event(kind: type[ProductEvent], product: Product) -> ProductEvent:
    return kind(
        product_id=str(product.pk),
        name=product.name,
        price=product.price,
        currency=product.currency,
        is_active=product.is_active,
        version=product.version,
    )


def renew() -> None:
    """Say in the current transaction that the catalogue is not what it was."""
    token = ObjectId()
    if not Revision.objects.filter(pk=queries.CATALOGUE).update(token=token):
        Revision.objects.create(pk=queries.CATALOGUE, token=token)


def _check_categories(ids: Iterable[ObjectId]) -> None:
    wanted = list(ids)
    if missing := queries.missing_categories(wanted):
        raise UnknownCategories(wanted, missing)


def _check_pictures(products: Iterable[Product]) -> None:
    """Uploaded pictures that `products` come to show are there; raises PictureMissing.

    After the transaction's first read, and before `renew`: whoever tidies pictures meanwhile conflicts with it, and
    nobody else waits for the bucket.
    """
    found = (image_urls.UPLOADED.fullmatch(product.image) for product in products)
    for digest in sorted({match["digest"] for match in found if match}):
        if not picture_files.are_kept(digest):
            raise PictureMissing


def _check_slug(item: Product | Category) -> None:
    if queries.is_slug_taken(type(item), item.slug, except_for=item.pk):
        raise SlugTaken


def free_slug(item: Product | Category) -> str:
    """The slug that was asked for, or one made from the name; made ones step aside, asked ones raise SlugTaken."""
    if item.slug:
        _check_slug(item)
        return item.slug
    made = slugify(item.name)[: MAX_SLUG - 25].strip("-") or str(item.pk)
    return f"{made}-{item.pk}" if queries.is_slug_taken(type(item), made) else made
