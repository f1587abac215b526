"""Customers and the manager as the load sees them: they log in at Keycloak and call the gateway."""

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from launcher.addresses import gateway_url, keycloak_url
from launcher.errors import LauncherError
from launcher.instance import Instance

TIMEOUT = 15.0  # seconds; the gateway gives a service less
TRIES = 3  # of a log-in: Keycloak is slow where many want the processor
PATIENCE = 60.0  # seconds in which a shop that is all right answers


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class Person:
    """A user of the development realm. Logs in anew before a token runs out; thread-safe."""

    def __init__(self, instance: Instance, name: str) -> None:
        self.name = name
        self._tokens = f"{keycloak_url(instance)}/realms/microcommerce/protocol/openid-connect/token"
        self._gateway = gateway_url(instance)
        self._lock = threading.Lock()
        self._token, self._renew_at, self.id = "", 0.0, ""
        if not any(self._log_in() for _ in range(TRIES)):
            raise LauncherError(f"{name} cannot log in.", f"Is it up? manage_all.py up{instance.option()}")

    def call(self, method: str, path: str, *, key: str = "", body: Any = None) -> Answer:
        """One request on a connection of its own. Never raises for what faults can do to it."""
        headers = {"Authorization": f"Bearer {self._fresh_token()}", "Accept": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = requests.request(
                method, self._gateway + path, json=body, headers=headers, timeout=TIMEOUT
            )
            return Answer(answer.status_code, answer.json() if answer.content else {})
        except (requests.RequestException, ValueError):
            return Answer(0)

    def insist(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The body of a 2xx, however often it takes; for what is safe to repeat. Raises LauncherError."""
        until = time.monotonic() + PATIENCE
        while not 200 <= (answer := self.call(method, path, body=body)).status < 300:  # noqa: PLR2004 - 2xx
            if time.monotonic() > until:
                raise LauncherError(
                    f"{method} {path}: {answer.status} {answer.body}", "Is the shop all right? See `check`."
                )
            time.sleep(0.5)
        return answer.body

    def _fresh_token(self) -> str:
        """Good for a while yet, unless Keycloak is away."""
        with self._lock:
            if time.time() > self._renew_at:
                self._log_in()
            return self._token

    def _log_in(self) -> bool:
        form = {"client_id": "microcommerce-cli", "grant_type": "password"}
        try:
            answer = requests.post(
                self._tokens, data={**form, "username": self.name, "password": self.name}, timeout=TIMEOUT
            )
            self._token = str(answer.json()["access_token"])
        except (requests.RequestException, ValueError, KeyError):
            self._renew_at = time.time() + 5
            return False
        claims = _claims(self._token)
        self.id = claims["sub"]
        self._renew_at = claims["iat"] + (claims["exp"] - claims["iat"]) / 3
        return True


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
