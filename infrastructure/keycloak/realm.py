"""The one source of the Keycloak realm `microcommerce`.

`python -m infrastructure.keycloak.realm` writes both files beside this one: `realm-development.json`, with
users to play with and the password grant for scripts, and `realm-production.json`, a template with neither.
Keycloak itself fills in `${…}` from its environment when it imports a file.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["development", "production"]
Json = dict[str, Any]

REALM = "microcommerce"
AUDIENCE = "microcommerce"
GATEWAY_URL = "${MICROCOMMERCE_GATEWAY_URL}"
CLIENT_SECRET = "${MICROCOMMERCE_OIDC_CLIENT_SECRET}"  # noqa: S105 - a placeholder that Keycloak fills in
MANAGERS, CUSTOMERS = ("mia",), ("alice", "bob", "carol")
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
ACCESS_TOKEN_SECONDS = 5 * MINUTE
# A shop that knows people by their address alone says so when the realm is first imported.
EMAIL_IS_USERNAME = "${MICROCOMMERCE_EMAIL_AS_USERNAME:false}"
# Who sends the mails for forgotten passwords. Production signs in there, over TLS, unless it says otherwise.
SMTP = {
    "host": "${MICROCOMMERCE_SMTP_HOST}",
    "port": "${MICROCOMMERCE_SMTP_PORT:587}",
    "from": "${MICROCOMMERCE_SMTP_FROM:shop@example.com}",
    "fromDisplayName": "Microcommerce",
}
SMTP_SIGN_IN = {
    "auth": "${MICROCOMMERCE_SMTP_AUTH:true}",
    "user": "${MICROCOMMERCE_SMTP_USER:}",
    "password": "${MICROCOMMERCE_SMTP_PASSWORD:}",
    "starttls": "${MICROCOMMERCE_SMTP_STARTTLS:true}",
}
LONGEST_PASSWORD = 128  # characters: hashing is to cost the same for everybody


def realm(kind: Kind) -> Json:
    """Everything that Keycloak is told about the realm."""
    development = kind == "development"
    return {
        "realm": REALM,
        "displayName": "Microcommerce",
        "enabled": True,
        "sslRequired": "none" if development else "external",
        **_registration(),
        **_tokens(),
        **_brute_force(),
        **_roles(),
        "clients": [_gateway(), _command_line(password_grant=development)],
        "scopeMappings": [
            {"client": name, "roles": ["customer", "manager"]} for name in ("gateway", "microcommerce-cli")
        ],
        "users": _development_users() if development else [],
        "passwordPolicy": _password_policy(development=development),
        "smtpServer": SMTP | ({"auth": "false", "starttls": "false"} if development else SMTP_SIGN_IN),
        "eventsEnabled": True,
        "eventsExpiration": 7 * DAY,
        "adminEventsEnabled": True,  # who granted which role
    }


def _password_policy(*, development: bool) -> str:
    """Length before rules of composition (NIST SP 800-63B). In development a password may be the user name."""
    longest = f"maxLength({LONGEST_PASSWORD})"
    if development:
        return f"length(8) and {longest}"
    return (
        f"length(12) and {longest} and notUsername(undefined) and notEmail(undefined) and passwordHistory(5)"
    )


def _registration() -> Json:
    return {
        "registrationAllowed": True,
        "rememberMe": False,
        "resetPasswordAllowed": True,
        "registrationEmailAsUsername": EMAIL_IS_USERNAME,
        "loginWithEmailAllowed": True,
        "duplicateEmailsAllowed": False,
    }


def _tokens() -> Json:
    return {
        "defaultSignatureAlgorithm": "RS256",
        "accessTokenLifespan": ACCESS_TOKEN_SECONDS,
        "revokeRefreshToken": True,  # rotation: each refresh token is good once
        "refreshTokenMaxReuse": 0,
        **_sessions(),
    }


def _sessions() -> Json:
    """A session ends after half an hour without a sign of life, and after ten hours at the latest.

    Zero stands for the value of the realm's own session. A log-in that is not finished ends, too.
    """
    return {
        "ssoSessionIdleTimeout": 30 * MINUTE,
        "ssoSessionMaxLifespan": 10 * HOUR,
        "clientSessionIdleTimeout": 0,
        "clientSessionMaxLifespan": 0,
        "offlineSessionIdleTimeout": 30 * DAY,
        "offlineSessionMaxLifespanEnabled": True,
        "offlineSessionMaxLifespan": 60 * DAY,
        "accessCodeLifespan": MINUTE,
        "accessCodeLifespanLogin": 30 * MINUTE,
        "accessCodeLifespanUserAction": 5 * MINUTE,
        "actionTokenGeneratedByUserLifespan": 5 * MINUTE,
    }


def _brute_force() -> Json:
    return {
        "bruteForceProtected": True,
        "permanentLockout": False,
        "failureFactor": 10,
        "waitIncrementSeconds": MINUTE,
        "maxFailureWaitSeconds": 15 * MINUTE,
        "maxDeltaTimeSeconds": 12 * HOUR,
        "quickLoginCheckMilliSeconds": 0,  # it would lock out scripts that fetch two tokens at once
    }


def _roles() -> Json:
    """`manager` includes `customer`; whoever registers gets the default role, and with it `customer`."""
    default = f"default-roles-{REALM}"
    own_account = {"client": {"account": ["view-profile", "manage-account"]}}
    return {
        "roles": {
            "realm": [
                {"name": "customer", "description": "Buys: has a basket, orders and notifications"},
                {
                    "name": "manager",
                    "description": "Runs the shop: products, stock, every order",
                    "composite": True,
                    "composites": {"realm": ["customer"]},
                },
                {
                    "name": default,
                    "description": "What everyone has who registers",
                    "composite": True,
                    "composites": {"realm": ["customer"], **own_account},
                },
            ],
        },
        "defaultRole": {"name": default},
    }


def _gateway() -> Json:
    return {
        **_client("gateway", "The gateway, for people with a browser"),
        "publicClient": False,
        "clientAuthenticatorType": "client-secret",
        "secret": CLIENT_SECRET,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False,
        "rootUrl": GATEWAY_URL,
        "baseUrl": GATEWAY_URL,
        "redirectUris": [f"{GATEWAY_URL}/oidc/callback/"],
        "webOrigins": [GATEWAY_URL],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": f"{GATEWAY_URL}/*",
            "backchannel.logout.url": f"{GATEWAY_URL}/oidc/backchannel-logout/",
            "backchannel.logout.session.required": "true",
        },
    }


def _command_line(*, password_grant: bool) -> Json:
    return {
        **_client("microcommerce-cli", "Scripts, tests and API clients"),
        "publicClient": True,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": password_grant,
        "redirectUris": ["http://127.0.0.1/*"],  # RFC 8252: a native client listens on its own loopback port
        "webOrigins": [],
        "attributes": {"pkce.code.challenge.method": "S256"},
    }


def _client(client_id: str, name: str) -> Json:
    return {
        "clientId": client_id,
        "name": name,
        "enabled": True,
        "protocol": "openid-connect",
        "implicitFlowEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,  # tokens carry the shop's two roles and nothing of Keycloak's own
        "protocolMappers": [_audience()],
    }


def _audience() -> Json:
    return {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.custom.audience": AUDIENCE,
            "access.token.claim": "true",
            "id.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }


def _development_users() -> list[Json]:
    return [*(_user(name, []) for name in CUSTOMERS), *(_user(name, ["manager"]) for name in MANAGERS)]


def _user(name: str, roles: list[str]) -> Json:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.com",
        "emailVerified": True,
        "firstName": name.capitalize(),
        "lastName": "Example",
        "credentials": [_hashed(name)],
        "realmRoles": [f"default-roles-{REALM}", *roles],
    }


@cache
def _hashed(password: str) -> Json:
    """The password as Keycloak stores one: its policy judges only what is typed in, so that these may be short.

    The salt says the same each time, so that the file does. Keycloak hashes anew, its own way, at the first log-in.
    """
    salt, rounds = f"{REALM} {password}".encode(), 1_000
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 64)
    secret = {"value": base64.b64encode(digest).decode(), "salt": base64.b64encode(salt).decode()}
    how = {"hashIterations": rounds, "algorithm": "pbkdf2-sha512", "additionalParameters": {}}
    return {"type": "password", "secretData": json.dumps(secret), "credentialData": json.dumps(how)}


def render(kind: Kind) -> str:
    """The text of the file for `kind`, as it is checked in."""
    return json.dumps(realm(kind), indent=2) + "\n"


def path(kind: Kind) -> Path:
    """Where the file for `kind` lies."""
    return Path(__file__).with_name(f"realm-{kind}.json")


if __name__ == "__main__":
    for each in ("development", "production"):
        path(each).write_text(render(each))
