"""The basket's pages."""

import pytest
from rest_framework.test import APIClient

from tests.basket.shop import BASKET, CUP, PEN, item_url
from tests.pages import links, page, proposed, tag

pytestmark = pytest.mark.usefixtures("catalogue")


def test_the_forms_hold_what_is_in_the_basket(customer_client: APIClient) -> None:
    """Lines as fields, under the tag that programs read. Red without `ReplaceBasketSerializer` as the body."""
    customer_client.put(item_url(CUP), {"quantity": 3})
    text = page(customer_client, BASKET)
    assert proposed(text, "PUT") == {"items": [{"quantity": 3, "product_id": CUP}]}
    assert tag(text) == customer_client.get(BASKET)["ETag"]
    assert item_url(CUP) in links(text)
    assert proposed(page(customer_client, item_url(CUP)), "PUT") == {"quantity": 1}
    assert 'value="3"' in page(customer_client, item_url(CUP))
    assert "Put it into your basket" in page(customer_client, item_url(PEN))
