"""The pages of stock levels."""

from typing import TYPE_CHECKING

import pytest

from tests.pages import links, page, proposed, tag
from tests.stock.builders import product, put

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
ITEM = f"/api/stock/{product('a')}/"


def test_a_manager_sets_and_adjusts_by_forms(
    manager_client: "APIClient", customer_client: "APIClient"
) -> None:
    """Red where a form holds nothing, has another tag than JSON's, or is shown to a customer."""
    put(a=10)
    text = page(manager_client, ITEM)
    assert proposed(text, "PUT") == {"on_hand": 10}
    assert tag(text) == manager_client.get(ITEM)["ETag"]
    assert {f"{ITEM}adjustments/", f"{ITEM}movements/"} <= links(text)
    body = proposed(page(manager_client, f"{ITEM}adjustments/"), "POST")
    assert manager_client.post(f"{ITEM}adjustments/", body).status_code == 201
    page(manager_client, f"{ITEM}movements/")
    assert "data-method" not in page(customer_client, ITEM)
    page(manager_client, f"/api/stock/{product('nothing')}/adjustments/", 404)
