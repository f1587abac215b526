"""What Keycloak says about the person who signed in is checked, whoever brings it."""

import time
from typing import Any

import pytest
from django.conf import settings

from gateway.signin.backend import BadIdToken, RealmBackend
from shared.testing.tokens import sign
from tests.gateway.realm import make_key

pytestmark = pytest.mark.usefixtures("trusted_realm")


def _claims(**overrides: Any) -> dict[str, Any]:
    now = int(time.time())
    issuer = settings.ENVIRONMENT.issuer
    return {"iss": issuer, "aud": "gateway", "sub": "a", "exp": now + 60, "nonce": "ours", **overrides}


def test_a_good_token_is_taken() -> None:
    assert RealmBackend().verify_token(sign(_claims()), nonce="ours")["sub"] == "a"
    assert RealmBackend().verify_token(sign(_claims(aud=["account", "gateway"])), nonce="ours")["sub"] == "a"


@pytest.mark.parametrize(
    "overrides",
    [
        {"nonce": "theirs"},
        {"nonce": None},
        {"aud": "other"},
        {"iss": "http://evil"},
        {"exp": 1},
        {"azp": "other"},
    ],
    ids=str,
)
def test_a_token_for_another_sign_in_is_not(overrides: dict[str, Any]) -> None:
    with pytest.raises(BadIdToken):
        RealmBackend().verify_token(sign(_claims(**overrides)), nonce="ours")


@pytest.mark.parametrize("token", ["", "a.b.c", "é", sign(_claims(), make_key("test-realm"))], ids=range(4))
def test_a_token_of_a_stranger_is_not(token: str) -> None:
    with pytest.raises(BadIdToken):
        RealmBackend().verify_token(token, nonce="ours")
