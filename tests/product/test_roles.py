"""Who may do what, against the service's own port: anyone reads, only a manager's good token writes."""

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.jwk import RSAKey

from shared.testing.tokens import KEY_ID, MIA, make_claims, make_token, realm_key, sign
from tests.product.commands import outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.test import APIClient

    from tests.product.conftest import MakeCategory, MakeProduct

READS = ["/api/products/", "/api/products/{product}/", "/api/categories/", "/api/categories/{category}/"]
WRITES = [
    ("post", "/api/products/"),
    ("put", "/api/products/{product}/"),
    ("patch", "/api/products/{product}/"),
    ("delete", "/api/products/{product}/"),
    ("post", "/api/categories/"),
    ("put", "/api/categories/{category}/"),
    ("patch", "/api/categories/{category}/"),
    ("delete", "/api/categories/{category}/"),
    ("post", "/api/categories/{category}/products/"),
    ("delete", "/api/categories/{category}/products/{product}/"),
]


def manager(**overrides: Any) -> str:
    return make_token(MIA, ("manager",), **overrides)


def by_hand(header: dict[str, Any], sign_with: "Callable[[bytes], bytes]") -> str:
    claims = make_claims(MIA, ("manager",))
    parts = [_encoded(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, _encoded(sign_with(".".join(parts).encode()))])


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned() -> str:
    return by_hand({"alg": "none", "typ": "JWT", "kid": KEY_ID}, lambda _: b"")


def signed_with_the_public_key() -> str:
    key = realm_key().as_pem(private=False)
    return by_hand({"alg": "HS256", "kid": KEY_ID}, lambda text: hmac.digest(key, text, "sha256"))


def tampered() -> str:
    head, body, signature = manager().split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


def with_own_key_address() -> str:
    other = RSAKey.generate_key(2048, private=True)
    return sign(make_claims(MIA, ("manager",)), other, jku="https://evil.example/keys")


def with_own_key() -> str:
    other = RSAKey.generate_key(2048, private=True)
    return sign(make_claims(MIA, ("manager",)), other, jwk=other.as_dict(private=False))


NOT_GOOD: dict[str, "Callable[[], str]"] = {
    "malformed": lambda: "x.y.z",
    "expired": lambda: manager(exp=int(time.time()) - 3600),
    "not yet valid": lambda: manager(nbf=int(time.time()) + 3600),
    "wrong audience": lambda: manager(aud="account"),
    "wrong issuer": lambda: manager(iss="http://localhost:8080/realms/master"),
    "id token": lambda: manager(typ="ID"),
    "refresh token": lambda: manager(typ="Refresh"),
    "no subject": lambda: manager(sub=None),
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "tampered": tampered,
    "unknown kid": lambda: sign(make_claims(MIA, ("manager",)), kid="other"),
    "kid of a file": lambda: sign(make_claims(MIA, ("manager",)), kid="../../dev/null"),
    "jku": with_own_key_address,
    "jwk": with_own_key,
}
TOO_LITTLE: dict[str, "Callable[[], str]"] = {
    "customer": make_token,
    "no role": lambda: make_token(roles=()),
    "manager of a client": lambda: make_token(resource_access={"microcommerce": {"roles": ["manager"]}}),
    "manager as a group": lambda: make_token(groups=["manager"]),
    "manager as a text": lambda: make_token(realm_access={"roles": "manager"}),
}


@pytest.fixture
def places(make_product: "MakeProduct", make_category: "MakeCategory") -> dict[str, str]:
    """The ids that addresses are made with."""
    category = make_category()
    return {"category": str(category.pk), "product": str(make_product(categories=[category.pk]).pk)}


def send(client: "APIClient", method: str, address: str, places: dict[str, str], **headers: str) -> Any:
    body = {"name": "New", "price": "1.00", "product_id": places["product"]}
    return getattr(client, method)(address.format(**places), body, **headers)


@pytest.mark.parametrize("address", READS)
def test_anyone_reads(
    anonymous_client: "APIClient", customer_client: "APIClient", places: dict[str, str], address: str
) -> None:
    assert anonymous_client.get(address.format(**places)).status_code == 200
    assert customer_client.get(address.format(**places)).status_code == 200


@pytest.mark.parametrize(("method", "address"), WRITES)
def test_managers_write(
    manager_client: "APIClient", places: dict[str, str], method: str, address: str
) -> None:
    assert send(manager_client, method, address, places).status_code in {200, 201, 204}


@pytest.mark.parametrize(("method", "address"), WRITES)
def test_nobody_writes_without_a_token(
    anonymous_client: "APIClient", places: dict[str, str], method: str, address: str
) -> None:
    response = send(anonymous_client, method, address, places)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    in_the_address = send(anonymous_client, method, f"{address}?access_token={manager()}", places)
    assert in_the_address.status_code == 401
    assert len(outbox()) == 1


@pytest.mark.parametrize("kind", NOT_GOOD)
def test_a_token_that_is_not_good_opens_nothing(
    anonymous_client: "APIClient", places: dict[str, str], kind: str
) -> None:
    token = NOT_GOOD[kind]()
    for method, address in [*WRITES, *(("get", address) for address in READS)]:
        response = send(anonymous_client, method, address, places, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert response.status_code == 401, (method, address)
        assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert len(outbox()) == 1


@pytest.mark.parametrize("kind", TOO_LITTLE)
def test_who_is_no_manager_changes_nothing(
    anonymous_client: "APIClient", places: dict[str, str], kind: str
) -> None:
    token = TOO_LITTLE[kind]()
    spoofed = {"HTTP_X_USER_ROLES": "manager", "HTTP_X_USER_ID": MIA}
    for method, address in WRITES:
        response = send(
            anonymous_client, method, address, places, HTTP_AUTHORIZATION=f"Bearer {token}", **spoofed
        )
        assert response.status_code == 403, (method, address)
        assert response.json()["type"].endswith("/problems/forbidden")
    assert len(outbox()) == 1
