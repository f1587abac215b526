"""Who may do what with a basket: one's own, and with a good token only."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from shared.testing.tokens import ALICE, make_claims, make_token, sign
from tests.basket.shop import BASKET, CUP, PEN, item_url, quantities

pytestmark = pytest.mark.usefixtures("catalogue")

ENDPOINTS: dict[str, Callable[[APIClient], Any]] = {
    "read": lambda client: client.get(BASKET),
    "replace": lambda client: client.put(BASKET, {"items": [{"product_id": PEN, "quantity": 1}]}),
    "clear": lambda client: client.delete(BASKET),
    "set a line": lambda client: client.put(item_url(PEN), {"quantity": 1}),
    "remove a line": lambda client: client.delete(item_url(PEN)),
}
endpoints = pytest.mark.parametrize("send", ENDPOINTS.values(), ids=ENDPOINTS.keys())


@endpoints
def test_no_token_is_401_and_changes_nothing(
    anonymous_client: APIClient, redis: Any, send: Callable[[APIClient], Any]
) -> None:
    before = sorted(redis.keys())

    response = send(anonymous_client)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response["Content-Type"] == "application/problem+json"
    assert sorted(redis.keys()) == before


@endpoints
def test_a_bad_token_is_401(
    anonymous_client: APIClient, redis: Any, send: Callable[[APIClient], Any]
) -> None:
    expired = make_token(exp=int(time.time()) - 60)
    anonymous_client.credentials(HTTP_AUTHORIZATION=f"Bearer {expired}")

    response = send(anonymous_client)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert not redis.keys("basket:*")


@endpoints
@pytest.mark.parametrize(
    "claims",
    [
        {"roles": ["courier"]},
        {"roles": [], "resource_access": {"microcommerce": {"roles": ["customer"]}}},
        {"roles": [], "groups": ["customer"]},
    ],
)
def test_a_role_that_is_missing_is_403(
    anonymous_client: APIClient, redis: Any, send: Callable[[APIClient], Any], claims: dict[str, Any]
) -> None:
    token = sign(make_claims(ALICE, **claims))
    anonymous_client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    response = send(anonymous_client)

    assert response.status_code == 403
    assert response.json()["type"].endswith("/problems/forbidden")
    assert not redis.keys("basket:*")


@endpoints
def test_a_manager_is_a_customer_too(manager_client: APIClient, send: Callable[[APIClient], Any]) -> None:
    assert send(manager_client).status_code in {200, 204}


def test_everybody_has_a_basket_of_their_own(
    customer_client: APIClient, other_client: APIClient, manager_client: APIClient
) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})
    other_client.put(item_url(CUP), {"quantity": 2})

    manager_client.delete(BASKET)
    manager_client.delete(item_url(PEN))

    assert quantities(customer_client.get(BASKET).json()) == {PEN: 1}
    assert quantities(other_client.get(BASKET).json()) == {CUP: 2}
    assert quantities(manager_client.get(BASKET).json()) == {}


@pytest.mark.parametrize("method", ["post", "patch"])
@pytest.mark.parametrize("url", [BASKET, item_url(PEN)])
def test_other_methods_are_405(customer_client: APIClient, method: str, url: str) -> None:
    response = getattr(customer_client, method)(url, {"quantity": 1})

    assert response.status_code == 405
    assert response["Allow"]
