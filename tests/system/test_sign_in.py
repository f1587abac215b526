"""How Keycloak guards its doors: guessing, stolen refresh tokens, weak passwords."""

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.system.keycloak import CLIENT, TIMEOUT, Account, Keycloak
from tests.system.shopper import Shopper
from tests.system.waiting import eventually

GUESSES = 10  # as many as the realm bears (infrastructure/keycloak/realm.py)


def test_whoever_guesses_a_password_is_locked_out_for_a_while(
    keycloak: Keycloak, shopper: Shopper, other: Shopper
) -> None:
    """After so many guesses the right password does not help, to nobody else's harm. Red without `bruteForceProtected`."""
    assert shopper.account
    assert other.account
    name = shopper.account.username
    seen = f"/attack-detection/brute-force/users/{shopper.account.id}"
    for guess in range(GUESSES):
        assert keycloak.try_to_log_in(name, f"guess {guess}").json()["error"] == "invalid_grant"
        # A thread of Keycloak's counts it; what is guessed before that is refused uncounted.
        eventually(
            lambda: keycloak.administrate("GET", seen).json()["numFailures"],
            (guess + 1).__eq__,
            what="a failure",
        )
    refused = keycloak.try_to_log_in(name, shopper.account.password)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert keycloak.administrate("GET", seen).json()["disabled"] is True
    assert keycloak.grant(other.account)

    keycloak.administrate("DELETE", seen)
    assert keycloak.grant(shopper.account)


def test_somebody_logs_in_ten_times_at_once(keycloak: Keycloak, shopper: Shopper) -> None:
    """As scripts and test runners do. Red without `SEVERAL_AT_ONCE` in launcher/stores/keycloak.py."""
    assert shopper.account
    name, password = shopper.account.username, shopper.account.password
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: keycloak.try_to_log_in(name, password), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10


def test_a_refresh_token_is_good_once(keycloak: Keycloak, shopper: Shopper) -> None:
    """A second use means that two have it: both lose it. Red without `revokeRefreshToken`."""
    assert shopper.account
    first = keycloak.grant(shopper.account)
    second = _refresh(keycloak, first["refresh_token"])
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    for stolen in (first["refresh_token"], second.json()["refresh_token"]):
        refused = _refresh(keycloak, stolen)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_new_password_is_long_enough(keycloak: Keycloak, shopper: Shopper) -> None:
    """Eight characters and more, up to what may be hashed. Red when the realm has no password policy."""
    assert shopper.account
    for weak in ("seven77", "long" * 40):
        answer = requests.put(
            f"{keycloak.url}/admin/realms/microcommerce/users/{shopper.account.id}/reset-password",
            json={"type": "password", "value": weak, "temporary": False},
            headers={"Authorization": f"Bearer {keycloak.administrator.token}"},
            timeout=TIMEOUT,
        )
        assert answer.status_code == 400, f"{weak}: {answer.text}"
    for name in ("alice", "mia"):  # these came with the realm
        assert keycloak.grant(Account(name, name))["access_token"]


def test_a_session_has_an_end(keycloak: Keycloak, shopper: Shopper) -> None:
    """Half an hour without a sign of life. Red when a refresh token is good for longer, or for ever."""
    assert shopper.account
    tokens = keycloak.grant(shopper.account)
    assert tokens["expires_in"] == 300
    assert 0 < tokens["refresh_expires_in"] <= 1800


def _refresh(keycloak: Keycloak, token: str) -> requests.Response:
    form = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": token}
    return requests.post(f"{keycloak.realm}/protocol/openid-connect/token", data=form, timeout=TIMEOUT)
