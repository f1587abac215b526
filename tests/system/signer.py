"""A key of the realm whose private half the tests have, so that they can sign what Keycloak never would."""

import time
import uuid
from typing import Any

from joserfc.jwk import RSAKey

from shared.testing.tokens import sign
from tests.system.keycloak import Keycloak

KEY_PROVIDER = "org.keycloak.keys.KeyProvider"


class Signer:
    """Signs tokens with a key that the realm publishes and does not sign with itself."""

    def __init__(self, keycloak: Keycloak) -> None:
        self._keycloak = keycloak
        self._key = RSAKey.generate_key(2048)
        component = {
            "name": f"tests-{uuid.uuid4().hex[:8]}",
            "providerId": "rsa",
            "providerType": KEY_PROVIDER,
            "parentId": keycloak.administrate("GET", "").json()["id"],
            "config": {
                "priority": ["0"],
                "enabled": ["true"],
                "active": ["false"],
                "algorithm": ["RS256"],
                "privateKey": [self._key.as_pem(private=True).decode()],
            },
        }
        self._address = keycloak.administrate("POST", "/components", json=component).headers["Location"]
        keys = keycloak.administrate("GET", "/keys").json()["keys"]
        component_id = self._address.rpartition("/")[2]
        self._id = next(key["kid"] for key in keys if key["providerId"] == component_id)

    def sign(self, claims: dict[str, Any], **other: Any) -> str:
        """A token that says `claims`, of now and for five minutes, with `other` claims in their place; None leaves one out."""
        now = int(time.time())
        says = {**claims, "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex, **other}
        return sign(
            {name: value for name, value in says.items() if value is not None}, self._key, kid=self._id
        )

    def remove(self) -> None:
        """The realm forgets the key."""
        self._keycloak.administrate("DELETE", self._address)
