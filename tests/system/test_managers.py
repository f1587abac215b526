"""`manage_all.py grant-manager`: how somebody who registered comes to run the shop."""

from subprocess import CompletedProcess

import requests

from tests.system.keycloak import CLIENT, TIMEOUT, Account, Keycloak, LogIn, claims_of
from tests.system.platform import Platform, manage
from tests.system.shopper import Shopper


def test_a_customer_becomes_a_manager_and_a_customer_again(
    platform: Platform, keycloak: Keycloak, shopper: Shopper
) -> None:
    """The role is in the next token, and a session that has it ends with it.

    Red without one of `administrator.tell` in `managers._set`.
    """
    assert shopper.account
    name = shopper.account.username
    assert shopper.id, "the first token"
    assert _roles(platform, keycloak, shopper.account) == ({"customer"}, 403)
    assert "is a manager, from the next access token on" in _said(manage("grant-manager", name))
    assert "was a manager before; nothing was changed" in _said(
        manage("grant-manager", f"{name}@example.com")
    )
    assert shopper.send("GET", "/api/dead-letters/").status_code == 403, "an old token says what it said"
    assert _roles(platform, keycloak, shopper.account) == ({"customer", "manager"}, 200)
    session = keycloak.grant(shopper.account)["refresh_token"]
    assert "is no manager any more" in _said(manage("grant-manager", name, "--revoke"))
    form = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": session}
    url = f"{keycloak.realm}/protocol/openid-connect/token"
    assert requests.post(url, data=form, timeout=TIMEOUT).json()["error"] == "invalid_grant"
    assert "was no manager before" in _said(manage("grant-manager", name, "--revoke"))
    assert _roles(platform, keycloak, shopper.account) == ({"customer"}, 403)


def test_a_name_that_nobody_has(shopper: Shopper) -> None:
    """A slip of the finger is answered with who may have been meant. Red without `near` in `managers._find`."""
    assert shopper.account
    done = manage("grant-manager", shopper.account.username[:-1])
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert f"Did you mean {shopper.account.username}" in said
    assert "/register/" in said
    assert "Traceback" not in said


def _roles(platform: Platform, keycloak: Keycloak, account: Account) -> tuple[set[str], int]:
    """What a fresh token says, and what a manager's address answers to it."""
    token = keycloak.grant(account)["access_token"]
    caller = Shopper(platform.urls["gateway"], LogIn(lambda: token))
    answer = caller.send("GET", "/api/dead-letters/")
    return set(claims_of(token)["realm_access"]["roles"]), answer.status_code


def _said(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())
