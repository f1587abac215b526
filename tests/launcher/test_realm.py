"""Both realm files follow from one source, and they differ in what only development may have."""

import json
from typing import Any

import pytest

from infrastructure.keycloak.realm import Kind, path, realm, render
from launcher.system import OIDC_CLIENT_SECRET, USERS
from shared.settings.environment import DEVELOPMENT_SECRET

KINDS: tuple[Kind, ...] = ("development", "production")


def client(kind: Kind, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in realm(kind)["clients"] if each["clientId"] == name)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_follows_from_the_source(kind: Kind) -> None:
    again = "run: python -m infrastructure.keycloak.realm"
    assert path(kind).read_text() == render(kind), again


def test_development_has_the_users_of_the_contract() -> None:
    users = {each["username"]: each for each in realm("development")["users"]}
    assert {
        name: "manager" if "manager" in user["realmRoles"] else "customer" for name, user in users.items()
    } == USERS
    assert all("value" not in user["credentials"][0] for user in users.values()), "the policy would refuse it"


def test_production_has_no_users_no_password_grant_and_no_secret() -> None:
    assert realm("production")["users"] == []
    assert not client("production", "microcommerce-cli")["directAccessGrantsEnabled"]
    assert client("production", "gateway")["secret"].startswith("${")
    assert realm("production")["sslRequired"] != "none"
    assert not set(USERS) & set(json.dumps(realm("production")).split('"'))


def test_production_signs_in_where_its_mails_are_sent_and_development_keeps_them() -> None:
    """Red when who forgot the password gets nothing."""
    sent = {kind: realm(kind)["smtpServer"] for kind in KINDS}
    assert sent["development"]["host"] == sent["production"]["host"] == "${MICROCOMMERCE_SMTP_HOST}"
    assert (sent["development"]["auth"], sent["production"]["auth"]) == (
        "false",
        "${MICROCOMMERCE_SMTP_AUTH:true}",
    )
    assert sent["production"]["starttls"] == "${MICROCOMMERCE_SMTP_STARTTLS:true}"


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_registers_is_a_customer_and_a_manager_is_one_too(kind: Kind) -> None:
    made = realm(kind)
    roles = {each["name"]: each for each in made["roles"]["realm"]}
    assert made["registrationAllowed"]
    assert roles[made["defaultRole"]["name"]]["composites"]["realm"] == ["customer"]
    assert roles["manager"]["composites"]["realm"] == ["customer"]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_short_rotated_and_for_us(kind: Kind) -> None:
    made = realm(kind)
    assert made["accessTokenLifespan"] == 300
    assert (made["revokeRefreshToken"], made["refreshTokenMaxReuse"]) == (True, 0)
    assert made["bruteForceProtected"]
    for each in made["clients"]:
        assert each["protocolMappers"][0]["config"]["included.custom.audience"] == "microcommerce"
        assert each["attributes"]["pkce.code.challenge.method"] == "S256"
        assert not each["implicitFlowEnabled"]


@pytest.mark.parametrize(("kind", "least"), [("development", 8), ("production", 12)])
def test_a_new_password_has_to_be_long_enough_and_in_production_no_name(kind: Kind, least: int) -> None:
    rules = realm(kind)["passwordPolicy"].split(" and ")
    assert {f"length({least})", "maxLength(128)"} <= set(rules)
    forbidden = {"notUsername(undefined)", "notEmail(undefined)"} & set(rules)
    assert len(forbidden) == (2 if kind == "production" else 0), "in development it is the name"


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_guesses_passwords_is_stopped_and_not_for_ever(kind: Kind) -> None:
    made = realm(kind)
    assert made["bruteForceProtected"]
    assert not made["permanentLockout"], "anybody could lock anybody out"
    assert made["failureFactor"] <= 10
    assert 60 <= made["waitIncrementSeconds"] <= made["maxFailureWaitSeconds"] <= 3600


@pytest.mark.parametrize("kind", KINDS)
def test_every_session_ends(kind: Kind) -> None:
    made = realm(kind)
    assert (
        made["accessTokenLifespan"]
        < made["ssoSessionIdleTimeout"]
        < made["ssoSessionMaxLifespan"]
        <= 12 * 3600
    )
    assert made["offlineSessionMaxLifespanEnabled"]
    assert made["offlineSessionIdleTimeout"] < made["offlineSessionMaxLifespan"]
    assert made["accessCodeLifespan"] <= 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_shop_may_take_the_address_for_the_user_name(kind: Kind) -> None:
    made = realm(kind)
    assert made["registrationEmailAsUsername"] == "${MICROCOMMERCE_EMAIL_AS_USERNAME:false}"
    assert (made["loginWithEmailAllowed"], made["duplicateEmailsAllowed"]) == (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_browser_client_is_confidential_and_bound_to_the_gateway(kind: Kind) -> None:
    gateway = client(kind, "gateway")
    assert not gateway["publicClient"]
    assert not gateway["directAccessGrantsEnabled"]
    assert all(uri.startswith("${MICROCOMMERCE_GATEWAY_URL}/") for uri in gateway["redirectUris"])
    assert "*" not in gateway["redirectUris"][0]
    assert gateway["attributes"]["backchannel.logout.url"].startswith("${MICROCOMMERCE_GATEWAY_URL}/")


def test_keycloak_and_a_gateway_started_by_hand_share_the_secret() -> None:
    assert OIDC_CLIENT_SECRET == DEVELOPMENT_SECRET
