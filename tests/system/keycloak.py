"""People as Keycloak knows them: real accounts, real log-ins, real tokens."""

import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from tests.system.waiting import eventually

REALM = "microcommerce"
CLIENT = "microcommerce-cli"
ADMINISTRATOR = {"client_id": "admin-cli", "username": "admin", "password": "admin"}
TIMEOUT = 60  # seconds; hashing a password on a busy machine takes its time


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    username: str
    password: str
    id: str = ""


class LogIn:
    """Somebody who is logged in: has a token that is good for a while yet, a new one when need be. Thread-safe."""

    def __init__(self, grant: Callable[[], str]) -> None:
        self._grant = grant
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    @property
    def token(self) -> str:
        """An access token."""
        with self._lock:
            if time.time() > self._renew_at:
                self._token = self._grant()
                claims = claims_of(self._token)
                self._renew_at = claims["iat"] + (claims["exp"] - claims["iat"]) / 2
            return self._token

    @property
    def subject(self) -> str:
        """The customer's id in every service."""
        return str(claims_of(self.token)["sub"])


class Keycloak:
    """The realm of the shop, and the administrator's interface to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.realm = f"{url}/realms/{REALM}"
        self._users = f"{url}/admin/realms/{REALM}/users"
        self._clients = f"{url}/admin/realms/{REALM}/clients"
        self.administrator = LogIn(self._administrator_token)

    def log_in(self, account: Account) -> LogIn:
        """Tokens of an account, as many as are needed."""
        return LogIn(lambda: str(self.grant(account)["access_token"]))

    def grant(self, account: Account, client: str = CLIENT) -> dict[str, Any]:
        """Log in with the password grant: access, refresh and id token."""
        who = {"username": account.username, "password": account.password}
        return self.tokens(
            self.realm, {"client_id": client, "grant_type": "password", "scope": "openid", **who}
        )

    def tokens(self, realm: str, form: dict[str, str]) -> dict[str, Any]:
        """What the token endpoint answers.

        Keycloak writes each log-in down on a thread of its own, and refuses the same user until that is done.
        """
        url = f"{realm}/protocol/openid-connect/token"
        answer = eventually(
            lambda: requests.post(url, data=form, timeout=TIMEOUT),
            lambda answer: "invalid_grant" not in answer.text,
            what="a token",
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _administrator_token(self) -> str:
        return str(
            self.tokens(f"{self.url}/realms/master", ADMINISTRATOR | {"grant_type": "password"})[
                "access_token"
            ]
        )

    def open_account(self, name: str = "") -> Account:
        """A new user, as an administrator makes one; what Keycloak gives to everyone who is new, this one gets."""
        username = f"{name or 'buyer'}-{uuid.uuid4().hex[:12]}"
        credentials = [{"type": "password", "value": username, "temporary": False}]
        user = {
            "username": username,
            "email": f"{username}@example.com",
            "emailVerified": True,
            "firstName": "Test",
            "lastName": "Customer",
            "enabled": True,
            "credentials": credentials,
        }
        answer = requests.post(self._users, json=user, headers=self._as_administrator(), timeout=TIMEOUT)
        assert answer.status_code == 201, answer.text
        return Account(username, username, answer.headers["Location"].rpartition("/")[2])

    def make_manager(self, account: Account) -> None:
        """Whoever logs in from now on is a manager."""
        role = self.administrate("GET", "/roles/manager").json()
        self.administrate("POST", f"/users/{account.id}/role-mappings/realm", json=[role])

    def unmake_manager(self, account: Account) -> None:
        """Whose tokens are made from now on is no manager."""
        role = self.administrate("GET", "/roles/manager").json()
        self.administrate("DELETE", f"/users/{account.id}/role-mappings/realm", json=[role])

    @contextlib.contextmanager
    def short_tokens_of(self, client: str, seconds: int = 31) -> Iterator[None]:
        """Access tokens of a client end sooner for a while: the gateway replaces one 30 seconds before its end."""
        (found,) = self.administrate("GET", f"/clients?clientId={client}").json()
        path = f"/clients/{found['id']}"
        short = {**found["attributes"], "access.token.lifespan": str(seconds)}
        self.administrate("PUT", path, json={**found, "attributes": short})
        try:
            yield
        finally:
            before = {**short, "access.token.lifespan": ""}
            self.administrate("PUT", path, json={**found, "attributes": before})

    def close_account(self, account: Account) -> None:
        """Delete the user."""
        answer = requests.delete(
            f"{self._users}/{account.id}", headers=self._as_administrator(), timeout=TIMEOUT
        )
        assert answer.status_code in {204, 404}, answer.text

    def put_out(self, account: Account) -> None:
        """End every session of the user."""
        answer = requests.post(
            f"{self._users}/{account.id}/logout", headers=self._as_administrator(), timeout=TIMEOUT
        )
        assert answer.status_code == 204, answer.text

    @contextlib.contextmanager
    def client_with_short_tokens(self, seconds: int) -> Iterator[str]:
        """A client like the one that tests use, whose access tokens expire sooner; there for a while."""
        found = requests.get(
            self._clients, params={"clientId": CLIENT}, headers=self._as_administrator(), timeout=TIMEOUT
        )
        (model,) = found.json()
        name = f"{CLIENT}-{uuid.uuid4().hex[:8]}"
        wanted = {key: value for key, value in model.items() if key not in {"id", "protocolMappers"}}
        mappers = [
            {key: value for key, value in each.items() if key != "id"} for each in model["protocolMappers"]
        ]
        wanted |= {"clientId": name, "protocolMappers": mappers, "fullScopeAllowed": True}
        wanted["attributes"] = {**model["attributes"], "access.token.lifespan": str(seconds)}
        made = requests.post(self._clients, json=wanted, headers=self._as_administrator(), timeout=TIMEOUT)
        assert made.status_code == 201, made.text
        try:
            yield name
        finally:
            requests.delete(made.headers["Location"], headers=self._as_administrator(), timeout=TIMEOUT)

    def try_to_log_in(self, username: str, password: str) -> requests.Response:
        """One attempt at the password grant, whatever comes of it."""
        form = {"client_id": CLIENT, "grant_type": "password", "username": username, "password": password}
        return requests.post(f"{self.realm}/protocol/openid-connect/token", data=form, timeout=TIMEOUT)

    def administrate(self, method: str, path: str, **rest: Any) -> requests.Response:
        """A request to the administrator's interface of the realm, which must succeed."""
        answer = requests.request(
            method,
            path if path.startswith("http") else f"{self.url}/admin/realms/{REALM}{path}",
            headers=self._as_administrator(),
            timeout=TIMEOUT,
            **rest,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def _as_administrator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.administrator.token}"}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says; nothing is verified."""
    return decode(token.split(".")[1])


def decode(part: str) -> dict[str, Any]:
    """A part of a token."""
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def encode(part: dict[str, Any]) -> str:
    """The other way."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
