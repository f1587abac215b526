"""Somebody who sends requests, with a token or without. No connection is kept: a kill between two requests is not felt."""

import time
from typing import Any

import requests

from tests.system.described import judge
from tests.system.keycloak import Account, LogIn
from tests.system.waiting import HEAL

TIMEOUT = 60  # seconds; the gateway answers within its own limit long before
AWAY = {502, 503, 504}  # a process behind the gateway is just being started again
NOT_BEGUN = 503  # come back later, says the shop: it has no time for this, and has done nothing
REPEATABLE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}  # RFC 9110, 9.2.2
TRIES = 4  # on a machine that stands still for seconds now and then


class Caller:
    """Sends requests to `address`."""

    def __init__(self, address: str, log_in: LogIn | None = None, account: Account | None = None) -> None:
        self.address = address
        self.log_in = log_in
        self.account = account

    def at(self, address: str) -> "Caller":
        """The same person at another door."""
        return Caller(address, self.log_in)

    def send(self, method: str, path: str, **rest: Any) -> requests.Response:
        """The answer; when the shop says that it has no time just now, it is asked a few times more, as clients do."""
        is_repeatable = method in REPEATABLE or "Idempotency-Key" in (rest.get("headers") or {})
        for _ in range(TRIES - 1):
            answer = self.send_once(method, path, **rest)
            if answer.status_code not in (AWAY if is_repeatable else {NOT_BEGUN}):
                return answer
            time.sleep(1)
        return self.send_once(method, path, **rest)

    def send_once(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> requests.Response:
        """One request, redirects not followed; `rest` is as for `requests.request`.

        Whatever comes back must be what the OpenAPI document says.
        """
        answer = requests.request(
            method,
            path if path.startswith("http") else self.address + path,
            headers={"Accept": "application/json", **self._authorization(), **(headers or {})},
            timeout=TIMEOUT,
            allow_redirects=False,
            **rest,
        )
        judge(answer)
        return answer

    def insist(self, method: str, path: str, **rest: Any) -> requests.Response:
        """The answer, however often it takes while processes are away. Only for what is safe to repeat."""
        until = time.monotonic() + HEAL
        while True:
            try:
                answer = self.send_once(method, path, **rest)
            except requests.RequestException as error:
                outcome: object = error
            else:
                if answer.status_code not in AWAY:
                    return answer
                outcome = answer.text
            assert time.monotonic() < until, f"{method} {path}: no answer in {HEAL:.0f} s, last {outcome}"
            time.sleep(0.3)

    def read(self, path: str, **query: Any) -> Any:
        """What a GET shows."""
        answer = self.insist("GET", path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def read_all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list, following its links."""
        page = self.read(path, page_size=100, **query)
        found: list[dict[str, Any]] = page["results"]
        while page["next"]:
            page = self.read(page["next"])
            found += page["results"]
        return found

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.log_in.token}"} if self.log_in else {}
