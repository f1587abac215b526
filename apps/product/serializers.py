"""The shapes of the catalogue in the API: what comes in, what goes out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.product import image_urls, queries
from apps.product.errors import TAKEN, SlugTaken, UnknownCategories
from apps.product.fields import (
    CurrencyField,
    FlagField,
    ParagraphsField,
    PictureField,
    ReferenceField,
    SlugField,
)
from apps.product.models import MAX_NAME, MAX_SLUG, Category, Product
from apps.product.uploads import MOST_BYTES
from shared.http.bodies import BodySerializer
from shared.http.fields import MoneyField, TextField

MAX_CATEGORIES = 20
MAX_DESCRIPTION = 10_000
Shown = dict[str, Any]

# What the API's description shows
LIGHTING = {"id": "65f0c0ffee65f0c0ffee0001", "name": "Lighting", "slug": "lighting"}
LAMP = {
    "id": "65f0c0ffee65f0c0ffee65f0",
    "name": "Desk lamp",
    "slug": "desk-lamp",
    "description": "A lamp for long evenings.",
    "price": "49.90",
    "currency": "EUR",
    "categories": [LIGHTING],
    "image": "http://localhost:8000/media/products/desk-lamp.svg",
    "is_active": True,
    "version": 3,
    "created_at": "2026-11-22T17:30:00.000Z",
    "updated_at": "2026-11-22T17:30:00.000Z",
}


def _free(model: type[Product | Category], slug: str, instance: Product | Category | None) -> str:
    # The operation looks again, in its transaction; here it is found together with every other mistake.
    if queries.is_slug_taken(model, slug, except_for=instance and instance.pk):
        raise serializers.ValidationError(SlugTaken().detail["slug"])  # type: ignore[call-overload]
    return slug


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a desk lamp",
            {"name": "Desk lamp", "price": "49.90", "categories": [LIGHTING["id"]]},
            request_only=True,
        )
    ]
)
class ProductInput(BodySerializer[Product]):
    """The body that makes or changes a product. What is not named, or null, stays as it is."""

    name = TextField(max_length=MAX_NAME)
    slug = SlugField(
        max_length=MAX_SLUG, required=False, help_text="Made from the name when it is not given."
    )
    description = ParagraphsField(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    price = MoneyField()
    currency = CurrencyField(required=False, help_text="ISO 4217; EUR unless told.")
    categories = serializers.ListField(child=ReferenceField(), required=False, max_length=MAX_CATEGORIES)
    image = PictureField(required=False, allow_blank=True, max_length=image_urls.MAX_LENGTH)
    is_active = FlagField(required=False)

    def validate_slug(self, slug: str) -> str:
        """No other product has it."""
        return _free(Product, slug, self.instance)

    def validate_categories(self, ids: list[ObjectId]) -> list[ObjectId]:
        """They exist."""
        if missing := queries.missing_categories(ids):
            raise serializers.ValidationError(UnknownCategories(ids, missing).detail["categories"])  # type: ignore[call-overload]
        return list(dict.fromkeys(ids))


@extend_schema_serializer(examples=[OpenApiExample("lighting", {"name": "Lighting"}, request_only=True)])
class CategoryInput(BodySerializer[Category]):
    """The body that makes or changes a category."""

    name = TextField(max_length=MAX_NAME)
    slug = SlugField(
        max_length=MAX_SLUG, required=False, help_text="Made from the name when it is not given."
    )

    def validate_slug(self, slug: str) -> str:
        """No other category has it."""
        return _free(Category, slug, self.instance)


@extend_schema_serializer(
    component_name="CategoryMembership",
    examples=[OpenApiExample("the desk lamp", {"product_id": LAMP["id"]}, request_only=True)],
)
class MembershipInput(BodySerializer[Any]):
    """The body that puts a product in a category."""

    product_id = ReferenceField()


@extend_schema_serializer(component_name="ProductPicture")
class PictureInput(serializers.Serializer[Any]):
    """The form that gives a product its picture."""

    picture = serializers.FileField(
        style={"largest": MOST_BYTES}, help_text=f"{TAKEN[0].upper()}{TAKEN[1:]}."
    )


class ProductFilters(serializers.Serializer[Any]):
    """The query of a list of products."""

    page = serializers.IntegerField(min_value=1, max_value=10**9, required=False)
    page_size = serializers.IntegerField(
        min_value=1, max_value=10**9, required=False, help_text="At most 100 count."
    )
    search = TextField(
        max_length=200,
        required=False,
        help_text="Each word has to stand in the name, or begin a word of the description; a single letter has to begin a word. Case and accents do not matter, signs do (`C++`).",
    )
    category = SlugField(max_length=MAX_SLUG, required=False, help_text="The slug of a category.")
    min_price = MoneyField(required=False, help_text="At least this much, itself included.")
    max_price = MoneyField(required=False, help_text="At most this much, itself included.")
    is_active = serializers.BooleanField(required=False, help_text="false: archived products, for managers.")
    ordering = serializers.ChoiceField(
        choices=list(queries.ORDERINGS),
        required=False,
        help_text="Newest first unless told; what a search finds in names then comes before what it finds in descriptions. Names are sorted without case and accents.",
    )


class PublicFilters(ProductFilters):
    """What of it everybody may use."""

    is_active = None  # type: ignore[assignment]


class CategoryFilters(serializers.Serializer[Any]):
    """The query of a list of categories."""

    page = serializers.IntegerField(min_value=1, max_value=10**9, required=False)
    page_size = serializers.IntegerField(
        min_value=1, max_value=10**9, required=False, help_text="At most 100 count."
    )


@extend_schema_serializer(
    component_name="Category", examples=[OpenApiExample("lighting", LIGHTING, response_only=True)]
)
class CategoryOutput(serializers.Serializer[Category]):
    """A category."""

    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()


@extend_schema_serializer(
    component_name="Product", examples=[OpenApiExample("a desk lamp", LAMP, response_only=True)]
)
class ProductOutput(serializers.Serializer[Product]):
    """A product; `show_product` writes it."""

    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    price = MoneyField()
    currency = serializers.CharField()
    categories = CategoryOutput(many=True)
    image = serializers.CharField(
        allow_blank=True,
        help_text="An absolute address, or empty. That of an uploaded picture ends in `-800.webp`, and what ends in "
        "`-320.webp` or `-1600.webp` instead is the same at most so many pixels wide; none of them ever changes.",
    )
    is_active = serializers.BooleanField()
    version = serializers.IntegerField(help_text="Rises by one with every change.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def show_category(category: Category) -> Shown:
    """A category as the API shows it."""
    return {"id": str(category.pk), "name": category.name, "slug": category.slug}


def show_product(product: Product, categories: Mapping[ObjectId, Category]) -> Shown:
    """A product as the API shows it. Written by hand: this is the shop's busiest answer (DRF takes 10 × as long)."""
    return {
        "id": str(product.pk),
        "name": product.name,
        "slug": product.slug,
        "description": product.description,
        "price": f"{product.price:.2f}",
        "currency": product.currency,
        "categories": [show_category(categories[key]) for key in product.categories if key in categories],
        "image": image_urls.absolute(product.image),
        "is_active": product.is_active,
        "version": product.version,
        "created_at": _moment(product.created_at),
        "updated_at": _moment(product.updated_at),
    }


def show_products(products: Iterable[Product]) -> list[Shown]:
    """Products as the API shows them, with one query for all their categories."""
    found = list(products)
    categories = queries.categories_of(found)
    return [show_product(product, categories) for product in found]


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
