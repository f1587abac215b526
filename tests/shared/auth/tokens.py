"""Every token that no service may take."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from shared.testing.tokens import KEY_ID, encoded, make_claims, make_token, realm_key, sign, signature_of


def now() -> int:
    """Asked when the token is made: a table is read long before its last row is tried."""
    return int(time.time())


@cache
def foreign_key() -> RSAKey:
    """A key that the realm does not have."""
    return RSAKey.generate_key(2048, parameters={"kid": "foreign", "use": "sig", "alg": "RS256"})


def part(value: Any) -> str:
    """A part of a token."""
    return encoded(json.dumps(value).encode())


def unsigned(signature: str = "", **header: Any) -> str:
    """A token that claims to need no signature."""
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': KEY_ID, **header})}.{part(make_claims())}.{signature}"


def hs256(secret: bytes) -> str:
    """A token signed with the realm's public key as if it were a shared secret."""
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': KEY_ID})}.{part(make_claims())}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{encoded(signature)}"


def tampered_payload() -> str:
    """A customer's token with a manager's claims."""
    header, _, signature = make_token().split(".")
    return f"{header}.{part(make_claims(roles=('manager',)))}.{signature}"


def tampered_signature() -> str:
    """The last octet of the signature is another one."""
    head, _, signature = make_token().rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[-1] ^= 1
    return f"{head}.{encoded(bytes(raw))}"


def signed_by(key: RSAKey, **header: Any) -> str:
    """A good token but for its key."""
    return sign(make_claims(), key, **header)


def with_own_key(**header: Any) -> str:
    """A token that brings the key to be verified with."""
    return signed_by(foreign_key(), jwk=foreign_key().as_dict(private=False), **header)


def elliptic() -> str:
    """Signed with ES256 under the id of a key for RS256."""
    key = ECKey.generate_key("P-256", parameters={"kid": KEY_ID})
    return jwt.encode({"alg": "ES256", "kid": KEY_ID}, make_claims(), key)


def with_payload(payload: str) -> str:
    """The realm's own signature over claims that are no object."""
    text = f"{part({'alg': 'RS256', 'kid': KEY_ID})}.{payload}"
    return f"{text}.{signature_of(text, realm_key())}"


def public_pem() -> bytes:
    """What everybody knows."""
    return realm_key().as_pem(private=False)


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "not a token": lambda: "x",
    "two parts": lambda: make_token().rpartition(".")[0],
    "four parts": lambda: make_token() + ".x",
    "five parts, encrypted": lambda: "a.b.c.d.e",
    "not base64": lambda: "§.§.§",
    "no JSON": lambda: "bm8.bm8.bm8",
    "a list for a header": lambda: f"{part([])}.{part({})}.x",
    "a list for claims": lambda: with_payload(part([])),
    "not ASCII": lambda: make_token() + "é",
    "too long": lambda: make_token(filler="x" * 9000),
    "two tokens": lambda: f"{make_token()},{make_token()}",
    "expired": lambda: make_token(exp=now() - 31),
    "expires never": lambda: make_token(exp=None),
    "expires in words": lambda: make_token(exp="tomorrow"),
    "expires true": lambda: make_token(exp=True),
    "not valid yet": lambda: make_token(nbf=now() + 90),
    "valid from null": lambda: make_token(nbf="now"),
    "wrong audience": lambda: make_token(aud="account"),
    "wrong audiences": lambda: make_token(aud=["account", "microcommerce-cli"]),
    "part of the audience": lambda: make_token(aud="microcommerce2"),
    "no audience": lambda: make_token(aud=None),
    "an object for an audience": lambda: make_token(aud={"microcommerce": 1}),
    "wrong issuer": lambda: make_token(iss="http://localhost:8080/realms/master"),
    "issuer with a slash more": lambda: make_token(iss=make_claims()["iss"] + "/"),
    "no issuer": lambda: make_token(iss=None),
    "other realm": lambda: signed_by(foreign_key(), kid="foreign"),
    "other realm under our key id": lambda: signed_by(foreign_key()),
    "alg none": unsigned,
    "alg None": lambda: unsigned(alg="None"),
    "alg none with our signature": lambda: unsigned(make_token().rpartition(".")[2]),
    "HS256 with the public key": lambda: hs256(public_pem()),
    "HS256 with the public key, bare": lambda: hs256(public_pem().strip()),
    "HS256 with nothing": lambda: hs256(b""),
    "ES256 under an RSA key's id": elliptic,
    "RS512": lambda: sign(make_claims(), alg="RS512"),
    "tampered payload": tampered_payload,
    "tampered signature": tampered_signature,
    "no signature": lambda: make_token().rpartition(".")[0] + ".",
    "unknown kid": lambda: sign(make_claims(), kid="unknown"),
    "no kid": lambda: sign(make_claims(), kid=None),
    "kid is a path": lambda: sign(make_claims(), kid="../../../dev/null"),
    "kid is SQL": lambda: sign(make_claims(), kid="' UNION SELECT 'key"),
    "kid is a number": lambda: sign(make_claims(), kid=1),
    "jku": lambda: signed_by(foreign_key(), kid=KEY_ID, jku="http://127.0.0.1:1/keys"),
    "jku on a good token": lambda: sign(make_claims(), jku="http://127.0.0.1:1/keys"),
    "jwk": with_own_key,
    "jwk under a foreign id": lambda: with_own_key(kid="foreign"),
    "x5u": lambda: sign(make_claims(), x5u="http://127.0.0.1:1/keys"),
    "x5c": lambda: sign(make_claims(), x5c=["MIIB"]),
    "crit": lambda: sign(make_claims(), crit=["exp"]),
    "id token": lambda: make_token(typ="ID"),
    "refresh token": lambda: make_token(typ="Refresh"),
    "no typ": lambda: make_token(typ=None),
    "bearer in small letters": lambda: make_token(typ="bearer"),
    "no subject": lambda: make_token(sub=None),
    "an empty subject": lambda: make_token(sub=""),
    "a number for a subject": lambda: make_token(sub=1),
}
