"""Who may do what: endpoint by caller, and a refusal changes nothing."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.stock.models import Movement, StockItem
from shared.messaging.models import OutboxMessage
from shared.testing.tokens import make_token
from tests.stock.builders import put
from tests.stock.test_api import ADJUSTMENTS, ITEM, MOVEMENTS, STOCK

pytestmark = pytest.mark.django_db

BODIES: dict[tuple[str, str], Any] = {
    ("put", ITEM): {"on_hand": 3},
    ("post", ADJUSTMENTS): {"delta": 1, "reason": "found"},
}
READ = [("get", STOCK), ("get", ITEM)]
RUN = [("put", ITEM), ("post", ADJUSTMENTS), ("get", MOVEMENTS)]
GOOD = {"get": 200, "put": 200, "post": 201}


def token(**claims: Any) -> str:
    """What a caller sends."""
    return "Bearer " + make_token(roles=claims.pop("roles", ("manager",)), **claims)


CALLERS: dict[str, Callable[[], str | None]] = {
    "nobody": lambda: None,
    "customer": lambda: token(roles=("customer",)),
    "no role": lambda: token(roles=()),
    "manager as a client role": lambda: token(
        roles=("customer",), resource_access={"microcommerce": {"roles": ["manager"]}}
    ),
    "manager as a group": lambda: token(roles=("customer",), groups=["manager"]),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "other audience": lambda: token(aud="account"),
    "other issuer": lambda: token(iss="https://elsewhere.example/realms/microcommerce"),
    "id token": lambda: token(typ="ID"),
    "malformed": lambda: "Bearer not.a.token",
    "basic": lambda: "Basic bWlhOm1pYQ==",
    "manager": token,
}
KNOWN = {"customer", "no role", "manager as a client role", "manager as a group"}


def expected(caller: str, request: tuple[str, str]) -> int:
    """The status that the contract gives this caller."""
    if caller == "manager":
        return GOOD[request[0]]
    if caller in KNOWN:
        return 200 if request in READ else 403
    return 200 if caller == "nobody" and request in READ else 401


@pytest.mark.parametrize("request_", [*READ, *RUN], ids=lambda r: f"{r[0]} {r[1]}")
@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_do_what(trusted_realm: None, caller: str, request_: tuple[str, str]) -> None:
    put(a=10)
    before = (StockItem.objects.get().on_hand, Movement.objects.count(), OutboxMessage.objects.count())
    client, authorization = APIClient(), CALLERS[caller]()
    if authorization:
        client.credentials(HTTP_AUTHORIZATION=authorization)

    response = getattr(client, request_[0])(request_[1], BODIES.get(request_))

    assert response.status_code == expected(caller, request_), response.content
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert (
            StockItem.objects.get().on_hand,
            Movement.objects.count(),
            OutboxMessage.objects.count(),
        ) == before
    if response.status_code == 401:
        assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_spoofed_identity_header_makes_nobody_a_manager(anonymous_client: APIClient) -> None:
    put(a=10)

    response = anonymous_client.get(ITEM, HTTP_X_USER_ROLES="manager", HTTP_X_USER_ID="mia")

    assert "on_hand" not in response.json()
