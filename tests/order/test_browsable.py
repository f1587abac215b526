"""The pages of orders: actions that say whether they can be done now."""

from typing import TYPE_CHECKING

import pytest

from tests.order.test_pages import place
from tests.pages import links, page, proposed

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
HOME = {"name": "Ada", "line1": "1 Test Street", "city": "Berlin", "postal_code": "10115", "country": "DE"}


def test_each_is_offered_what_is_theirs_to_do(
    manager_client: "APIClient", customer_client: "APIClient", other_client: "APIClient"
) -> None:
    """Red where a customer is led to a manager's page, or anybody to a 405."""
    from apps.order.models import Order

    (order,) = place(1)
    path = f"/api/orders/{order}/"
    assert {f"{path}cancel/", f"{path}ship/", f"{path}deliver/"} <= links(page(manager_client, path))
    own = links(page(customer_client, path))
    assert f"{path}cancel/" in own
    assert not {f"{path}ship/", f"{path}deliver/"} & own
    page(customer_client, f"{path}ship/", 403)
    page(other_client, f"{path}cancel/", 404)
    assert "Only one that is confirmed can be shipped" in page(manager_client, f"{path}ship/")
    Order.objects.update(status="confirmed")
    assert "<button>Ship this order</button>" in page(manager_client, f"{path}ship/")
    Order.objects.update(status="shipped")
    assert "Only one that is submitted or confirmed can be cancelled" in page(
        customer_client, f"{path}cancel/"
    )


def test_the_next_order_goes_where_the_last_one_went(
    customer_client: "APIClient", other_client: "APIClient"
) -> None:
    """Red without `_last_address`, or with somebody else's."""
    from apps.order.models import Order

    place(1)
    Order.objects.update(shipping_address=HOME)
    assert 'value="1 Test Street"' in page(customer_client, "/api/orders/")
    assert proposed(page(customer_client, "/api/orders/"), "POST") == {"shipping_address": HOME}
    assert "1 Test Street" not in page(other_client, "/api/orders/")
