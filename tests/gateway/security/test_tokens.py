"""Which tokens are good, and how rarely the realm is asked for its keys."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from redis import Redis

from shared.auth.tokens import LEEWAY
from shared.testing.tokens import ALICE, KEY_ID, make_claims, make_token, realm_key, sign
from tests.gateway.client import as_customer
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.realm import Realm, make_key
from tests.gateway.services import EchoService

STRANGER = make_key(KEY_ID)


def _unsigned(**header: str) -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": KEY_ID, **header}, make_claims()]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + "."
    )


def _with_public_key_as_secret() -> str:
    signed = _unsigned(alg="HS256").rstrip(".")
    signature = hmac.digest(realm_key().as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _tampered() -> str:
    head, _, signature = make_token().split(".")
    claims = json.dumps(make_claims(roles=("manager",))).encode()
    return f"{head}.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{signature}"


def _carrying(key: RSAKey) -> str:
    return sign(make_claims(), key, jwk=key.as_dict(private=False))


NOW = int(time.time())
BAD: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "malformed": lambda: "abc",
    "two parts": lambda: "a.b",
    "too long": lambda: make_token(filler="x" * 9000),
    "expired": lambda: make_token(exp=NOW - 60),
    "without expiry": lambda: make_token(exp=None),
    "not yet valid": lambda: make_token(nbf=NOW + 3600),
    "wrong audience": lambda: make_token(aud="account"),
    "without audience": lambda: make_token(aud=None),
    "wrong issuer": lambda: make_token(iss="http://localhost:8080/realms/master"),
    "algorithm none": _unsigned,
    "algorithm nOnE": lambda: _unsigned(alg="nOnE"),
    "public key as secret": _with_public_key_as_secret,
    "tampered": _tampered,
    "signed by another key": lambda: sign(make_claims(), STRANGER),
    "key in the header": lambda: _carrying(STRANGER),
    "address of a key": lambda: sign(make_claims(), STRANGER, jku="http://evil/jwks"),
    "path as key id": lambda: sign(make_claims(), STRANGER, kid="../../dev/null"),
    "id token": lambda: make_token(typ="ID"),
    "refresh token": lambda: make_token(typ="Refresh"),
    "without type": lambda: make_token(typ=None),
    "without subject": lambda: make_token(sub=None),
    "not ASCII": lambda: make_token() + "é",
}


@pytest.mark.parametrize("path", ["/api/products/", "/api/basket/"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused_everywhere(
    kind: str, path: str, gateway: GatewayProcess, service: EchoService
) -> None:
    answer = gateway.call("GET", path, ("Authorization", f"Bearer {BAD[kind]()}"))
    assert (answer.status, answer.problem) == (401, "not-authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert service.seen == []


@pytest.mark.parametrize("value", ["Basic YWxpY2U6YWxpY2U=", "Bearer", "Token abc", "bearer", "", " "])
def test_nothing_but_bearer_is_taken(value: str, gateway: GatewayProcess, service: EchoService) -> None:
    assert gateway.call("GET", "/api/products/", ("Authorization", value)).status == 401
    assert service.seen == []


@pytest.mark.parametrize("name", ["access_token", "token", "bearer_token", "Authorization"])
def test_a_token_in_the_address_is_no_token(name: str, gateway: GatewayProcess, service: EchoService) -> None:
    assert gateway.call("GET", f"/api/basket/?{name}={make_token()}").status == 401
    assert service.seen == []


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {"roles": ["customer"]}, "resource_access": {"gateway": {"roles": ["manager"]}}},
        {"realm_access": {"roles": ["customer"]}, "groups": ["manager"], "roles": ["manager"]},
        {"realm_access": {"roles": "manager"}},
        {"realm_access": ["manager"]},
        {"realm_access": None},
    ],
    ids=["client role", "group", "text", "list", "nothing"],
)
def test_only_realm_roles_count(
    claims: dict[str, Any], gateway: GatewayProcess, service: EchoService
) -> None:
    answer = gateway.call(
        "POST", "/api/products/", ("Authorization", f"Bearer {make_token(ALICE, **claims)}")
    )
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert service.seen == []


def test_a_clock_that_is_a_little_off_does_no_harm(gateway: GatewayProcess) -> None:
    for shifted in (make_token(exp=int(time.time()) - 20), make_token(nbf=int(time.time()) + 20)):
        assert gateway.call("GET", "/api/basket/", ("Authorization", f"Bearer {shifted}")).status == 200


def test_a_remembered_token_expires_all_the_same(gateway: GatewayProcess) -> None:
    ends_at = int(time.time()) + 6  # not sooner: this machine may stand still before the first request
    token = ("Authorization", f"Bearer {make_token(exp=ends_at - LEEWAY)}")
    assert gateway.call("GET", "/api/basket/", token).status == 200
    time.sleep(max(0.0, ends_at + 0.5 - time.time()))
    assert gateway.call("GET", "/api/basket/", token).status == 401


@pytest.fixture
def fresh(start_gateway: StartGateway, realm: Realm, clean_redis: Redis) -> Iterator[GatewayProcess]:
    """A gateway that has never seen a key, and a realm that counts from nought."""
    clean_redis.flushdb()
    realm.fetches = 0
    with start_gateway() as gateway:
        yield gateway
    realm.keys = {KEY_ID: realm_key()}
    realm.is_down = False


def test_while_no_key_is_known_nobody_is_told_that_a_token_is_bad(
    fresh: GatewayProcess, realm: Realm, service: EchoService
) -> None:
    """Red when a Keycloak that was slow once makes good tokens 401 for half a minute."""
    realm.is_down = True
    refused = fresh.call("GET", "/api/basket/", as_customer())
    assert (refused.status, refused.problem) == (503, "identity-unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert service.seen == []
    realm.is_down = False
    time.sleep(int(refused.headers["Retry-After"]) + 0.5)
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200


def test_keys_are_fetched_once_whatever_key_ids_arrive(fresh: GatewayProcess, realm: Realm) -> None:
    for index in range(20):
        forged = sign(make_claims(), STRANGER, kid=f"made-up-{index}")
        assert fresh.call("GET", "/api/basket/", ("Authorization", f"Bearer {forged}")).status == 401
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200
    assert realm.fetches == 1


def test_a_new_key_is_found_and_the_old_one_still_counts(fresh: GatewayProcess, realm: Realm) -> None:
    rotated = make_key("rotated")
    realm.keys["rotated"] = rotated
    new = ("Authorization", f"Bearer {sign(make_claims(), rotated, kid='rotated')}")
    assert fresh.call("GET", "/api/basket/", new).status == 200
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200
    assert realm.fetches == 1


def test_good_tokens_go_on_while_keycloak_is_down(
    fresh: GatewayProcess, realm: Realm, start_gateway: StartGateway
) -> None:
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200
    realm.is_down = True
    assert fresh.call("GET", "/api/basket/", as_customer("someone-else")).status == 200
    with start_gateway() as restarted:  # its keys come from Redis
        assert restarted.call("GET", "/api/basket/", as_customer()).status == 200


def test_a_slow_realm_holds_up_nobody_whose_key_is_known(fresh: GatewayProcess, realm: Realm) -> None:
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200
    started = time.monotonic()
    forged = ("Authorization", f"Bearer {sign(make_claims(), STRANGER, kid='unknown')}")
    assert fresh.call("GET", "/api/basket/", forged).status == 401
    assert fresh.call("GET", "/api/basket/", as_customer()).status == 200
    assert time.monotonic() - started < 10
