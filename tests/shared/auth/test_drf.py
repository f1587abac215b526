"""Tokens and roles as DRF's views meet them: 401 where nobody is known, 403 where the role is missing."""

from collections.abc import Callable, Iterator

import pytest
from rest_framework.test import APIClient

from shared.auth.keys import KeySource
from shared.auth.tokens import TokenVerifier
from shared.auth.verifier import verifier
from shared.testing.fixtures import ClientFor
from shared.testing.tokens import ALICE, MIA, make_token
from tests.shared.auth.tokens import BAD_TOKENS

pytestmark = pytest.mark.usefixtures("small_api", "trusted_realm")

ANONYMOUS, NOBODY, CUSTOMER, MANAGER = "anonymous", "a caller without a role", "customer", "manager"
CALLERS = (ANONYMOUS, NOBODY, CUSTOMER, MANAGER)
MAY: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("get", "/open/"): (200, 200, 200, 200),
    ("get", "/customers/"): (401, 403, 200, 200),
    ("post", "/customers/"): (401, 403, 200, 200),
    ("get", "/managers/"): (401, 403, 403, 200),
    ("post", "/managers/"): (401, 403, 403, 200),
    ("get", "/readable/"): (200, 200, 200, 200),
    ("post", "/readable/"): (401, 403, 403, 200),
    ("get", "/default/"): (401, 403, 403, 200),
    ("options", "/managers/"): (401, 403, 403, 200),
}


def caller(client_for: ClientFor, who: str) -> APIClient:
    roles = {NOBODY: (), CUSTOMER: ("customer",), MANAGER: ("manager",)}
    return APIClient() if who == ANONYMOUS else client_for(ALICE, roles[who])


@pytest.mark.parametrize(("request_line", "statuses"), MAY.items(), ids=[f"{m} {p}" for m, p in MAY])
def test_who_may_do_what(
    client_for: ClientFor, request_line: tuple[str, str], statuses: tuple[int, int, int, int]
) -> None:
    method, path = request_line

    found = tuple(getattr(caller(client_for, who), method)(path).status_code for who in CALLERS)

    assert found == statuses


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
@pytest.mark.parametrize("path", ["/customers/", "/open/"])
def test_a_bad_token_is_401_even_where_none_is_needed(path: str, make: Callable[[], str]) -> None:
    response = APIClient().get(path, headers={"Authorization": f"Bearer {make()}"})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"].endswith("/problems/not-authenticated")


def test_without_a_token_the_challenge_names_no_error() -> None:
    response = APIClient().get("/customers/")

    assert response["WWW-Authenticate"] == "Bearer"


def test_a_missing_role_is_no_challenge(client_for: ClientFor) -> None:
    response = client_for(ALICE).get("/managers/")

    assert "WWW-Authenticate" not in response
    assert response.json()["detail"] == "This needs the role manager."


@pytest.mark.parametrize("template", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {} "])
def test_the_scheme_is_not_case_sensitive(template: str) -> None:
    header = template.format(make_token(MIA, ("manager",)))

    assert APIClient().get("/managers/", headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(
    "template",
    ["{}", "Basic {}", "Token {}", "DPoP {}", "Bearer", "Bearer x {}", "Bearer {} {}", "Bearer={}"],
)
def test_other_authorizations_are_401(template: str) -> None:
    token = make_token(MIA, ("manager",))

    response = APIClient().get("/managers/", headers={"Authorization": template.format(token, token)})

    assert response.status_code == 401


def test_a_token_counts_nowhere_but_in_its_header() -> None:
    token = make_token(MIA, ("manager",))
    client = APIClient()
    client.cookies["access_token"] = token

    answers = [
        client.get("/managers/", {"access_token": token, "token": token}),
        client.post("/managers/", {"access_token": token}),
        client.get("/managers/", headers={"X-Access-Token": token, "Proxy-Authorization": f"Bearer {token}"}),
        client.get("/managers/", headers={"X-User-Id": MIA, "X-User-Roles": "manager", "Remote-User": "mia"}),
    ]

    assert {answer.status_code for answer in answers} == {401}


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has no key and cannot get one."""
    lost = TokenVerifier("http://localhost", KeySource("http://127.0.0.1:9/certs"))
    monkeypatch.setattr("shared.testing.tokens.realm_verifier", lambda: lost)
    verifier.cache_clear()
    yield
    verifier.cache_clear()


@pytest.mark.usefixtures("no_keys")
def test_where_tokens_cannot_be_verified_the_caller_is_told_to_come_back() -> None:
    response = APIClient().get("/customers/", headers={"Authorization": f"Bearer {make_token()}"})

    assert response.status_code == 503
    assert response["Retry-After"]
    assert response.json()["type"].endswith("/problems/identity-unavailable")
