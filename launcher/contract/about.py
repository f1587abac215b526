"""What the OpenAPI document says of the platform as a whole, and of what no view describes."""

import tomllib
from pathlib import Path
from typing import Any

from launcher.instance import ROOT
from launcher.system import SERVICES
from shared.http.problem_document import KINDS

Json = dict[str, Any]

DESCRIPTION = """\
Everything a client of the shop can do, at one address: the gateway.

**Sign in.** What is marked with a lock needs an access token of the realm `microcommerce`, sent as
`Authorization: Bearer …`; a browser that signed in at `/login/` has a session cookie instead, and adds the header
`X-CSRFToken` (the value of the cookie `csrftoken`) to every unsafe request. Beside the lock stands the role that it
takes: a customer sees only what is their own; a manager may do what customers may. What has no lock takes a token as well,
and shows a manager more. At `/api/docs/`, what is tried out is done as whoever is signed in there. On a development machine a token for
`alice`, `bob`, `carol` (customers) or `mia` (manager) comes from Keycloak with the password grant of the client
`microcommerce-cli`; the password is the name.

**Buy something.** `products_list`, `basket_item_set`, `orders_create` (with an `Idempotency-Key`, so that repeating it
is safe), then `orders_retrieve` until `status` is `confirmed`; `notifications_list` tells the same story, and
`/ws/notifications/` tells it live.

**When it fails.** Every failure is a problem document (RFC 9457, `application/problem+json`). `type` names its kind
and leads to a page that says what to do; `detail` says what is wrong this time; `errors` names every wrong field. 429
and 503 say in `Retry-After` how long to wait. An address that is not in this document is 404, a method that is not
here 405 with `Allow`. Whoever may GET an address may also ask for its HEAD and OPTIONS.

**Conventions.** Lists are pages: `count`, `next`, `previous`, `results`. Money is a decimal text with two places beside
an ISO 4217 `currency`. Times are RFC 3339 in UTC. Answers may get new members: ignore those you do not know. Programs get
JSON whatever they accept; browsers that show what they get, and `?format=api`, get a page. Bodies may be compressed
(`Content-Encoding: gzip`). Pages of other sites may call this API where the gateway's settings name their origin.
"""

TAGS = {name: text for each in SERVICES for name, text in each.tags.items()}

# A development machine's; the gateway that serves the document writes its own realm there (gateway/pages/openapi_view.py).
REALM = "http://localhost:8080/realms/microcommerce/protocol/openid-connect"
SCOPE = "openid"
SECURITY_SCHEMES: Json = {
    "oauth2": {
        "type": "oauth2",
        "description": "How a program gets such an access token for whoever uses it: the authorization code with PKCE (S256). The "
        "client is yours, or `microcommerce-cli` for programs on one's own machine (RFC 8252: any port of 127.0.0.1). What "
        "the token is good for is its user's roles, whatever scope is asked for.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": f"{REALM}/auth",
                "tokenUrl": f"{REALM}/token",
                "refreshUrl": f"{REALM}/token",
                "scopes": {SCOPE: "Sign in."},
            }
        },
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the realm `microcommerce`; good for five minutes.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "microcommerce-session",
        "description": "What a browser has after `/login/` (`__Host-microcommerce-session` behind HTTPS). Unsafe requests also need the "
        "header `X-CSRFToken`.",
    },
}

_SVG = {"schema": {"type": "string", "description": "An SVG."}}
_WEBP = {"schema": {"type": "string", "format": "binary"}}
_NO_PICTURE: Json = {
    "slug": "not-found",
    "status": 404,
    "title": "Not Found",
    "detail": "There is no such picture.",
    "members": {},
}
_AWAY: Json = {
    "slug": "store-unavailable",
    "status": 503,
    "title": "Service Unavailable",
    "detail": "The place where pictures are kept does not answer.",
    "members": {},
}
PICTURE: Json = {
    "operationId": "media_picture",
    "summary": "A picture of a product",
    "description": "A product's `image` is the address of such a picture, or of one elsewhere: a drawing of the "
    "demonstration catalogue, or what a manager uploaded in one of its widths, which never changes.",
    "tags": ["media"],
    "parameters": [
        {
            "name": "picture",
            "in": "path",
            "required": True,
            "schema": {
                "type": "string",
                "pattern": r"^([-a-zA-Z0-9_]+\.svg|[0-9a-f]{40}-(320|800|1600)\.webp)$",
            },
            "example": "desk-lamp.svg",
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "An ETag that is known.",
        },
    ],
    "responses": {
        "200": {
            "description": "The picture.",
            "headers": {"ETag": {"schema": {"type": "string"}, "required": True}},
            "content": {"image/svg+xml": _SVG, "image/webp": _WEBP},
        },
        "304": {"description": "What If-None-Match names still holds."},
    },
    KINDS: [_NO_PICTURE, _AWAY],
}
BY_HAND = {("GET", "/media/products/{picture}"): PICTURE}


def info() -> Json:
    """The document's `info`."""
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "title": "Microcommerce",
        "version": project["version"],
        "summary": project["description"],
        "description": DESCRIPTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }
