"""Who runs the shop: the realm role `manager`, granted and taken away by an administrator of Keycloak."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, urlencode

from infrastructure.keycloak.realm import REALM
from launcher.addresses import gateway_url, keycloak_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores.keycloak import ADMINISTRATOR

ROLE = "manager"
TIMEOUT = 30  # seconds
MOST_SHOWN = 5  # names that may have been meant


@dataclass(frozen=True)
class Change:
    """What was done for whom; nothing where it was so before."""

    username: str
    done: bool


class Administrator:
    """Keycloak's administrator at the running platform; every failure is a LauncherError."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._keycloak = keycloak_url(instance, "127.0.0.1")
        grant = {"grant_type": "password", "client_id": "admin-cli"}
        user, password = ADMINISTRATOR
        form = urlencode({**grant, "username": user, "password": password}).encode()
        answer = self._send(
            "POST", "/realms/master/protocol/openid-connect/token", form, "x-www-form-urlencoded"
        )
        self._token: str = answer["access_token"]

    def ask(self, path: str, **query: str) -> Any:
        """What Keycloak knows of its realm."""
        return self._send("GET", f"/admin/realms/{REALM}{path}?{urlencode(query)}")

    def tell(self, method: str, path: str, body: Any = None) -> None:
        """Change something in the realm."""
        content = None if body is None else json.dumps(body).encode()
        self._send(method, f"/admin/realms/{REALM}{path}", content)

    def _send(self, method: str, path: str, body: bytes | None = None, kind: str = "json") -> Any:
        request = urllib.request.Request(f"{self._keycloak}{path}", body, method=method)  # noqa: S310 - our own Keycloak
        request.add_header("Content-Type", f"application/{kind}")
        if token := getattr(self, "_token", ""):
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - our own Keycloak
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise LauncherError(
                f"Keycloak refused {method} {path}: {error.code} {said}",
                "Was the administrator's password changed, or the realm?",
            ) from error
        except OSError as error:
            raise LauncherError(
                f"Keycloak does not answer at {self._keycloak}: {error}",
                f"Is the platform up? Start it: python manage_all.py up{self._instance.option()}",
            ) from error


def make_manager(instance: Instance, username: str) -> Change:
    """Let this user run the shop; LauncherError where there is no such user."""
    return _set(instance, username, wanted=True)


def unmake_manager(instance: Instance, username: str) -> Change:
    """Leave this user a customer, and end the user's sessions; LauncherError where there is no such user."""
    return _set(instance, username, wanted=False)


def _set(instance: Instance, username: str, *, wanted: bool) -> Change:
    administrator = Administrator(instance)
    user = _find(administrator, username, instance)
    path = f"/users/{quote(user['id'])}/role-mappings/realm"
    has = any(role["name"] == ROLE for role in administrator.ask(path))
    if has != wanted:
        administrator.tell("POST" if wanted else "DELETE", path, [administrator.ask(f"/roles/{ROLE}")])
    if (
        not wanted
    ):  # also of one who has no role: the role may have gone and this have failed, the time before
        administrator.tell("POST", f"/users/{quote(user['id'])}/logout")
    return Change(user["username"], has != wanted)


def _find(administrator: Administrator, username: str, instance: Instance) -> Any:
    """The user of exactly this name, or with exactly this address."""
    for field in ("username", "email"):
        if found := administrator.ask("/users", **{field: username, "exact": "true"}):
            return found[0]
    near = _near(administrator, username)
    raise LauncherError(
        f"There is no user {username!r}." + (f" Did you mean {', '.join(near)}?" if near else ""),
        f"Whoever registers at {gateway_url(instance)}/register/ is a user, and a customer.",
    )


def _near(administrator: Administrator, username: str) -> list[str]:
    """Names that hold what was typed, and some that look like it."""
    holding = administrator.ask("/users", search=username, max=str(MOST_SHOWN))
    some = administrator.ask("/users", briefRepresentation="true", max="1000")
    alike = get_close_matches(username.lower(), [each["username"] for each in some], MOST_SHOWN)
    return list(dict.fromkeys([*alike, *(each["username"] for each in holding)]))[:MOST_SHOWN]
