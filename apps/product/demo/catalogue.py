"""What the demonstration shop sells, read from `catalogue.toml`. Ids are made from names: every load agrees."""

import hashlib
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import cycle
from pathlib import Path

from bson import ObjectId
from django.utils.text import slugify

SOURCE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """A product and the colours of its picture."""

    name: str
    description: str
    price: Decimal
    motif: str
    tints: tuple[str, ...]
    inks: tuple[str, ...]

    @property
    def slug(self) -> str:
        """Made from the name."""
        return slugify(self.name)

    @property
    def id(self) -> ObjectId:
        """Made from the name."""
        return _id("product", self.slug)

    @property
    def image(self) -> str:
        """Where its picture is."""
        return f"/media/products/{self.slug}.svg"


@dataclass(frozen=True, slots=True)
class DemoCategory:
    """A category with what is in it."""

    name: str
    products: tuple[DemoProduct, ...]

    @property
    def slug(self) -> str:
        """Made from the name."""
        return slugify(self.name)

    @property
    def id(self) -> ObjectId:
        """Made from the name."""
        return _id("category", self.slug)


@cache
def categories() -> tuple[DemoCategory, ...]:
    """Every category of the demonstration, with its products."""
    demo_categories = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["category"]
    return tuple(
        DemoCategory(demo_category["name"], _products(demo_category)) for demo_category in demo_categories
    )


@cache
def by_slug() -> dict[str, DemoProduct]:
    """The products by their slugs."""
    return {product.slug: product for category in categories() for product in category.products}


def _products(demo_category: dict[str, list[str]]) -> tuple[DemoProduct, ...]:
    tints, inks = cycle(demo_category["tints"]), cycle(demo_category["inks"])
    return tuple(_product(entry, next(tints), next(inks)) for entry in demo_category["products"])  # type: ignore[arg-type]


def _product(entry: dict[str, str], tints: str, inks: str) -> DemoProduct:
    price = Decimal(entry["price"])
    return DemoProduct(
        entry["name"], entry["description"], price, entry["motif"], tuple(tints.split()), tuple(inks.split())
    )


def _id(kind: str, slug: str) -> ObjectId:
    return ObjectId(hashlib.sha256(f"demo {kind} {slug}".encode()).digest()[:12])
