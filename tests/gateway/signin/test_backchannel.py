"""Keycloak's word that a session ended (OpenID Connect Back-Channel Logout 1.0)."""

import json
import secrets
import time
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from shared.testing.tokens import make_token, sign
from tests.gateway.browser import SESSION
from tests.gateway.process import GatewayProcess
from tests.gateway.realm import make_key

SID = "5e551011"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def browser(clean_redis: Redis) -> tuple[str, str]:
    """The cookie of a signed-in browser."""
    key = secrets.token_hex(16)
    kept = {
        "access": make_token(), "refresh": "r", "id": "i", "realm_session": SID,
        "expires_at": time.time() + 300, "ends_at": time.time() + 1800,
    }  # fmt: skip
    clean_redis.set(f"gateway:tokens:{key}", json.dumps(kept))
    clean_redis.set(f"gateway:realm-session:{SID}", key)
    return ("Cookie", f"{SESSION}={key}")


def _claims(**overrides: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": settings.ENVIRONMENT.issuer, "aud": "gateway", "iat": now, "exp": now + 60, "sid": SID,
        "events": {EVENT: {}}, **overrides,
    }  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def _announce(gateway: GatewayProcess, token: str) -> int:
    return gateway.call(
        "POST", "/oidc/backchannel-logout/", FORM, body=f"logout_token={token}".encode()
    ).status


def test_the_session_ends_at_once(gateway: GatewayProcess, browser: tuple[str, str]) -> None:
    assert gateway.call("GET", "/api/basket/", browser).status == 200
    assert _announce(gateway, sign(_claims())) == 200
    assert gateway.call("GET", "/api/basket/", browser).status == 401
    assert _announce(gateway, sign(_claims())) == 200, "told twice, it is no fault"


@pytest.mark.parametrize(
    "overrides",
    [
        {"iss": "http://evil"}, {"aud": "microcommerce-cli"}, {"aud": None}, {"events": None}, {"events": {"other": {}}},
        {"nonce": "n"}, {"sid": None}, {"exp": 1}, {"azp": "other"},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_says_something_else_ends_nothing(
    overrides: dict[str, Any], gateway: GatewayProcess, browser: tuple[str, str]
) -> None:
    assert _announce(gateway, sign(_claims(**overrides))) == 400
    assert gateway.call("GET", "/api/basket/", browser).status == 200


def test_a_token_of_a_stranger_ends_nothing(gateway: GatewayProcess, browser: tuple[str, str]) -> None:
    assert _announce(gateway, sign(_claims(), make_key("test-realm"))) == 400
    assert gateway.call("GET", "/api/basket/", browser).status == 200
