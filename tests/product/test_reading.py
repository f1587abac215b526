"""Anyone reads the catalogue."""

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeCategory, MakeProduct


def test_a_product_is_shown_with_every_field(anonymous_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory") -> None:
    kitchen = make_category("Kitchen & Home")
    mug = make_product("Café Mug", description="Holds coffee.", price=Decimal(5), categories=[kitchen.pk], image="/media/products/mug.svg")
    response = anonymous_client.get(f"/api/products/{mug.pk}/")
    assert response.status_code == 200
    body = response.json()
    assert body.pop("created_at") == body.pop("updated_at")
    assert body == {
        "id": str(mug.pk),
        "name": "Café Mug",
        "slug": "cafe-mug",
        "description": "Holds coffee.",
        "price": "5.00",
        "currency": "EUR",
        "categories": [{"id": str(kitchen.pk), "name": "Kitchen & Home", "slug": "kitchen-home"}],
        "image": "http://localhost:8000/media/products/mug.svg",
        "is_active": True,
        "version": 1,
    }
