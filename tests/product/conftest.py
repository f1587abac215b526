"""Fixtures of the product service's tests: a real MongoDB, emptied between tests."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apps.product.models import Category, Product

MakeProduct = Callable[..., "Product"]
MakeCategory = Callable[..., "Category"]


@pytest.fixture(autouse=True)
def _empty_store(transactional_db: None) -> None:
    """Every test starts with nothing: Django's own atomic() does nothing on MongoDB, so nothing rolls back."""


@pytest.fixture
def make_category() -> MakeCategory:
    """Sets up a category: `make_category("Kitchen")`."""
    from apps.product import operations

    def make(name: str = "Kitchen", **fields: Any) -> "Category":
        return operations.create_category({"name": name, **fields})  # type: ignore[typeddict-item]

    return make


@pytest.fixture
def make_product() -> MakeProduct:
    """Brings a product into the catalogue: `make_product("Mug", price=Decimal(5))`."""
    from apps.product import operations

    def make(name: str = "Mug", **fields: Any) -> "Product":
        wanted: Any = {"name": name, "price": Decimal("12.50"), "currency": "EUR", **fields}
        return operations.create_product(wanted)

    return make
