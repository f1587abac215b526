"""The catalogue as MongoDB keeps it: products, their categories, and which state of both is the newest."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, ObjectIdAutoField, ObjectIdField

from apps.product.search_terms import plain, words_of

MAX_NAME = 200
MAX_SLUG = 200
MAX_KEY = 18 * MAX_NAME  # one character may stand for eighteen (U+FDFA)


class Category(models.Model):
    """A category of products."""

    id = ObjectIdAutoField(primary_key=True)
    name = models.CharField(max_length=MAX_NAME)
    slug = models.SlugField(max_length=MAX_SLUG, unique=True)
    name_key = models.CharField(max_length=MAX_KEY, default="", editable=False)

    class Meta:
        verbose_name_plural = "categories"
        indexes: ClassVar = [
            # The unique index is a partial one, which look-ups cannot use (docs/adr/0001).
            models.Index(fields=["slug"], name="category_slug"),
            models.Index(fields=["name", "id"], name="category_by_name"),  # the release before sorts by it
            models.Index(fields=["name_key", "id"], name="category_by_key"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, in its place among the others."""
        self.name_key = plain(self.name)
        super().save(*args, **kwargs)


class Product(models.Model):
    """Something that is sold. `version` rises by one with every change; an archived product stays for past orders.

    `was` has what `change` replaced, for the history: field -> what it was when this instance was read.
    """

    was: Mapping[str, Any] = MappingProxyType({})

    id = ObjectIdAutoField(primary_key=True)
    name = models.CharField(max_length=MAX_NAME)
    slug = models.SlugField(max_length=MAX_SLUG, unique=True)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    categories = ArrayField(ObjectIdField(), default=list, blank=True)
    image = models.CharField(max_length=2000, blank=True)
    is_active = models.BooleanField(default=True)
    version = models.PositiveBigIntegerField(default=1)
    words = ArrayField(models.CharField(max_length=64), default=list, editable=False)
    name_key = models.CharField(max_length=MAX_KEY, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        # One index for each order of a list, alone and within a category; read backwards for `-`. By `name` itself
        # sorts the release before: MongoDB puts every capital before every small letter.
        indexes: ClassVar = [
            models.Index(fields=["slug"], name="product_slug"),
            models.Index(fields=["is_active", "created_at", "id"], name="product_by_age"),
            models.Index(fields=["is_active", "name", "id"], name="product_by_name"),
            models.Index(fields=["is_active", "price", "id"], name="product_by_price"),
            models.Index(
                fields=["categories", "is_active", "created_at", "id"], name="product_in_category_by_age"
            ),
            models.Index(
                fields=["categories", "is_active", "name", "id"], name="product_in_category_by_name"
            ),
            models.Index(
                fields=["categories", "is_active", "price", "id"], name="product_in_category_by_price"
            ),
            models.Index(fields=["is_active", "words"], name="product_words"),
            models.Index(fields=["is_active", "name_key", "id"], name="product_by_key"),
            models.Index(
                fields=["categories", "is_active", "name_key", "id"], name="product_in_category_by_key"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the keys that lists sort and search by."""
        self.index()
        super().save(*args, **kwargs)

    def change(self, **changes: object) -> bool:
        """Take over `changes`; returns whether that makes it another product than before."""
        different = {name: value for name, value in changes.items() if getattr(self, name) != value}
        self.was = {**{name: getattr(self, name) for name in different}, **self.was}
        for name, value in different.items():
            setattr(self, name, value)
        if different:
            self.version += 1
            self.updated_at = timezone.now()
        return bool(different)

    def index(self) -> None:
        """Note the words that a search finds it by, and what it is sorted by."""
        self.words = words_of(self.name, self.description)
        self.name_key = plain(self.name)


class Revision(models.Model):
    """Which state of the catalogue is the newest: one document, replaced by every transaction that changes anything.

    It makes writers wait for each other, so that no check of one is undone by another (a category deleted
    while a product is put in it), and tells readers whether a page they rendered still holds.
    """

    id = models.CharField(primary_key=True, max_length=16, db_column="_id")
    token = ObjectIdField()

    def __str__(self) -> str:
        return str(self.token)
