"""Tokens that are not good, at the gateway, at each service's own port, and on the live connection."""

import base64
import hmac
import itertools
import time
import uuid
from collections.abc import Iterator
from hashlib import sha256

import pytest
import requests
from joserfc.jwk import RSAKey
from websockets.typing import Subprotocol

from shared.auth.tokens import LEEWAY
from tests.system.caller import Caller
from tests.system.conftest import Settle
from tests.system.endpoints import ENDPOINTS, UNKNOWN_PRODUCT, Endpoint
from tests.system.keycloak import TIMEOUT, Account, Keycloak, claims_of, decode, encode
from tests.system.platform import Platform
from tests.system.problems import problem
from tests.system.records import Records
from tests.system.shopper import Shopper
from tests.system.signer import Signer
from tests.system.sockets import PROTOCOL, address, close_code
from tests.system.tables import cells, in_turn

KINDS = (
    "not a token",
    "empty",
    "tampered claims",
    "tampered signature",
    "no signature",
    "signed with the public key",
    "unknown key",
    "key in the header",
    "key address in the header",
    "identity token",
    "refresh token",
    "token of another realm",
    "expired",
    "not valid yet",
    "for another audience",
    "of another issuer",
    "of no type",
    "of nobody",
)
# Whatever stands in a path: nobody gets as far as being told that it does not exist.
PLACES = {
    "product": UNKNOWN_PRODUCT,
    "category": UNKNOWN_PRODUCT,
    "order": uuid.uuid4(),
    "saga": uuid.uuid4(),
    "notification": 1,
}


@pytest.fixture(scope="module")
def forged(keycloak: Keycloak, signer: Signer) -> dict[str, str]:
    """A token of each kind, made from mia's real ones: a manager, were it good."""
    now = int(time.time())
    tokens = keycloak.grant(Account("mia", "mia"))
    good = tokens["access_token"]
    head, claims, signature = good.split(".")
    header, says = decode(head), decode(claims)
    key = _public_key(keycloak, header["kid"])
    return {
        "not a token": "bm90.YQ.dG9rZW4",
        "empty": "",
        "tampered claims": f"{head}.{encode({**says, 'sub': 'somebody-else'})}.{signature}",
        "tampered signature": f"{head}.{claims}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}",
        "no signature": f"{encode({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        "signed with the public key": _hmac(
            {"alg": "HS256", "typ": "JWT", "kid": header["kid"]}, claims, key
        ),
        "unknown key": f"{encode({**header, 'kid': 'nobody-knows-me'})}.{claims}.{signature}",
        "key in the header": _hmac(
            {"alg": "HS256", "jwk": {"kty": "oct", "k": _text(key)}, "kid": "mine"}, claims, key
        ),
        "key address in the header": f"{encode({**header, 'jku': 'http://127.0.0.1:9/'})}.{claims}.{signature}",
        "identity token": tokens["id_token"],
        "refresh token": tokens["refresh_token"],
        "token of another realm": keycloak.administrator.token,
        "expired": signer.sign(says, iat=now - 400, exp=now - LEEWAY - 1),
        "not valid yet": signer.sign(says, nbf=now + 3600),
        "for another audience": signer.sign(says, aud="account"),
        "of another issuer": signer.sign(says, iss=f"{keycloak.url}/realms/master"),
        "of no type": signer.sign(says, typ=None),
        "of nobody": signer.sign(says, sub=None),
    }


@pytest.fixture(scope="module", autouse=True)
def nothing_changes(settle: Settle, records: Records) -> Iterator[None]:
    """Whatever was refused left no trace in any store."""
    settle()
    with records.nothing_changes():
        yield


IN_EVERY_RUN = {(kind, row) for row, kind in in_turn(KINDS, ENDPOINTS, lambda each: each.service)}


@pytest.mark.parametrize(("kind", "endpoint"), cells(itertools.product(KINDS, ENDPOINTS), IN_EVERY_RUN))
def test_a_token_that_is_not_good(
    kind: str, endpoint: Endpoint, forged: dict[str, str], platform: Platform
) -> None:
    """401 from both doors, with `invalid_token`, also where no token is needed.

    Red when `TokenVerifier._claims` reads the claims without the signature, or leaves one of its checks out.
    """
    headers = {"Authorization": f"Bearer {forged[kind]}"}
    path = endpoint.path.format(**PLACES)
    for door in (platform.urls["gateway"], platform.door(endpoint.service)):
        answer = Caller(door).send(endpoint.method, path, headers=headers, json=endpoint.body)
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"', f"{door}{path}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_connection_with_a_token_that_is_not_good(
    kind: str, forged: dict[str, str], platform: Platform
) -> None:
    """Closed with 4401, however the token comes. Red when it is let in, or refused in a way no page can read."""
    for door in (platform.urls["gateway"], platform.door("notification")):
        assert (
            close_code(address(door), additional_headers={"Authorization": f"Bearer {forged[kind]}"}) == 4401
        )
        offered = [Subprotocol(PROTOCOL), Subprotocol(f"bearer.{forged[kind]}")]
        assert close_code(address(door), subprotocols=offered) == 4401


def test_no_token_and_a_token_in_the_address(platform: Platform, shopper: Shopper) -> None:
    """A token belongs into no address: logs keep those. Red when one is taken from there."""
    assert shopper.log_in
    token = shopper.log_in.token
    for door in (platform.urls["gateway"], platform.door("notification")):
        assert close_code(address(door)) == 4401
        assert close_code(address(door, token=token, access_token=token)) == 4401
    for door in (platform.urls["gateway"], platform.door("order")):
        problem(Caller(door).send("GET", f"/api/orders/?access_token={token}&token={token}"), 401)


def test_other_schemes_and_several_tokens(platform: Platform, shopper: Shopper) -> None:
    """One Bearer token and nothing else makes a caller. Red when a password or a second token is looked at."""
    assert shopper.log_in
    basic = base64.b64encode(b"mia:mia").decode()
    for door in (platform.urls["gateway"], platform.door("order")):
        for value in (f"Basic {basic}", shopper.log_in.token, f"Token {shopper.log_in.token}"):
            problem(Caller(door).send("GET", "/api/orders/", headers={"Authorization": value}), 401)
        form = {"access_token": shopper.log_in.token}
        problem(Caller(door).send("POST", "/api/orders/", data=form), 401)


def test_what_a_good_token_says(shopper: Shopper) -> None:
    """Five minutes, for this audience, with realm roles. Red when the realm's settings drift."""
    assert shopper.log_in
    says = claims_of(shopper.log_in.token)
    audience = says["aud"] if isinstance(says["aud"], list) else [says["aud"]]
    assert "microcommerce" in audience
    assert says["exp"] - says["iat"] == 300
    assert says["exp"] > time.time()
    assert (says["typ"], says["realm_access"]["roles"]) == ("Bearer", ["customer"])


def _public_key(keycloak: Keycloak, key_id: str) -> bytes:
    keys = requests.get(f"{keycloak.realm}/protocol/openid-connect/certs", timeout=TIMEOUT).json()["keys"]
    found = next(key for key in keys if key["kid"] == key_id)
    return RSAKey.import_key(found).as_pem()


def _hmac(header: dict[str, object], claims: str, key: bytes) -> str:
    signed = f"{encode(header)}.{claims}"
    return f"{signed}.{_text(hmac.new(key, signed.encode(), sha256).digest())}"


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
