"""The realm changes the key that it signs with, and nobody notices (docs/operations.md)."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import requests

from tests.system.caller import AWAY
from tests.system.keycloak import Keycloak, LogIn, decode, encode
from tests.system.platform import Platform
from tests.system.shopper import Shopper
from tests.system.signer import KEY_PROVIDER
from tests.system.waiting import eventually

pytestmark = pytest.mark.faults

PUBLISHED_BEFORE = 31  # seconds; shared.auth.keys.MIN_INTERVAL and one
PAUSE = 0.1  # seconds between two requests of one caller
DOORS = {
    "basket": "/api/basket/",
    "order": "/api/orders/",
    "saga": "/api/sagas/",
    "notification": "/api/notifications/",
}


class Key:
    """One of the realm's signing keys, as an administrator adds it."""

    def __init__(self, keycloak: Keycloak) -> None:
        self._keycloak = keycloak
        realm = keycloak.administrate("GET", "").json()["id"]
        self._component = {
            "name": f"rotation-{uuid.uuid4().hex[:8]}",
            "providerId": "rsa-generated",
            "providerType": KEY_PROVIDER,
            "parentId": realm,
            "config": {
                "priority": ["1000"],
                "enabled": ["true"],
                "active": ["false"],
                "keySize": ["2048"],
                "algorithm": ["RS256"],
            },
        }
        self.address = ""

    def publish(self) -> None:
        """The realm shows it, but does not sign with it yet."""
        made = self._keycloak.administrate("POST", "/components", json=self._component)
        self.address = made.headers["Location"]

    def signs(self, active: bool) -> None:
        """Whether new tokens are signed with it."""
        component = self._keycloak.administrate("GET", self.address).json()
        component["config"]["active"] = [str(active).lower()]
        self._keycloak.administrate("PUT", self.address, json=component)

    def remove(self) -> None:
        """The realm forgets it."""
        self._keycloak.administrate("DELETE", self.address)


@pytest.fixture(scope="session")
def key(keycloak: Keycloak) -> Iterator[Key]:
    """Forgotten at the end of all tests: tokens that it signed are good until then."""
    made = Key(keycloak)
    yield made
    if made.address:
        made.signs(False)
        made.remove()


@dataclass
class Load:
    """Requests without a pause, each with the newest token and with the oldest, at every door."""

    callers: dict[str, list[Shopper]]
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, door: str) -> None:
        """Until it is over."""
        with requests.Session() as session:
            while not self.over.wait(PAUSE):
                for caller in self.callers[door]:
                    assert caller.log_in
                    token = caller.log_in.token
                    answer = session.get(
                        caller.address + DOORS[door.partition("@")[0]],
                        headers={"Authorization": f"Bearer {token}"},
                        timeout=30,
                    )
                    self.answers[door, _key_id(token), answer.status_code] += 1

    def asked(self) -> set[tuple[str, str]]:
        """Which door has seen a token of which key."""
        return {(door, key_id) for door, key_id, _ in list(self.answers)}


def test_a_new_key_signs_without_a_failed_request(
    platform: Platform, keycloak: Keycloak, key: Key, shopper: Shopper
) -> None:
    """Published 30 s before it signs, the key is known everywhere, whatever forged ids arrive just before and after.

    Red when a token of either key is refused at the gateway or at a service's own port: with an interval in
    `KeySource._refresh` that is longer than `MIN_INTERVAL`.
    """
    assert shopper.account
    account = shopper.account
    old = LogIn(lambda: str(keycloak.grant(account)["access_token"]))
    newest = [old.token]
    old_id = _key_id(old.token)
    people = [LogIn(lambda: old.token), Newest(newest)]
    callers = {
        f"{service}@{where}": [Shopper(address, log_in) for log_in in people]
        for service in DOORS
        for where, address in (("gateway", platform.urls["gateway"]), ("own port", platform.door(service)))
    }
    load = Load(callers)
    with ThreadPoolExecutor(len(callers)) as pool:
        running = [pool.submit(load.run, door) for door in callers]
        _forge(callers, old.token)
        key.publish()
        _forge(callers, old.token)
        time.sleep(PUBLISHED_BEFORE)
        key.signs(True)
        newest[0] = str(keycloak.grant(account)["access_token"])
        new_id = _key_id(newest[0])
        try:
            eventually(
                load.asked,
                {(door, each) for door in callers for each in (old_id, new_id)}.issubset,
                what="all doors",
            )
        finally:
            load.over.set()
        for each in running:
            each.result()
    assert new_id != old_id
    assert {status for _, _, status in load.answers} - AWAY == {200}, load.answers


class Newest(LogIn):
    """Has whatever token is the newest."""

    def __init__(self, newest: list[str]) -> None:
        super().__init__(lambda: newest[0])
        self._newest = newest

    @property
    def token(self) -> str:
        return self._newest[0]


def _forge(callers: dict[str, list[Shopper]], token: str) -> None:
    """Spend every door's fetch on a key that does not exist: the next one may come `MIN_INTERVAL` later."""
    forged = encode({"alg": "RS256", "typ": "JWT", "kid": uuid.uuid4().hex}) + token[token.index(".") :]
    for door, (caller, _) in callers.items():
        answer = Shopper(caller.address, LogIn(lambda: token)).send(
            "GET", DOORS[door.partition("@")[0]], headers={"Authorization": f"Bearer {forged}"}
        )
        assert answer.status_code == 401


def _key_id(token: str) -> str:
    return str(decode(token.partition(".")[0])["kid"])
