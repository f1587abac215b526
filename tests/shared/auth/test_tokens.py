"""Judging a token: what is good is good, everything else is not."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings

from shared.auth import InvalidToken, TokenVerifier
from shared.auth.keys import KeySource
from shared.auth.tokens import LEEWAY
from shared.testing.tokens import ALICE, jwks_url, make_claims, make_token, sign
from tests.shared.auth.tokens import BAD_TOKENS, tampered_payload, tampered_signature


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(settings.ENVIRONMENT.issuer, KeySource(jwks_url()))


def test_a_good_token_names_its_caller(verifier: TokenVerifier) -> None:
    token = make_token(ALICE, ("customer", "offline_access"))

    principal = verifier.verify(token)

    assert (principal.subject, principal.username, principal.token) == (ALICE, "alice", token)
    assert principal.roles == {"customer", "offline_access"}
    assert principal.is_customer
    assert not principal.is_manager
    assert token not in repr(principal)


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_no_other_token_is_taken(verifier: TokenVerifier, make: Callable[[], str]) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(make())


@pytest.mark.parametrize("claims", [
    lambda: {"aud": ["account", "microcommerce"]},
    lambda: {"exp": int(time.time()) - LEEWAY + 10},
    lambda: {"nbf": int(time.time()) + LEEWAY - 10},
    lambda: {"nbf": None, "iat": None, "preferred_username": None},
    lambda: {"realm_access": None},
])  # fmt: skip
def test_what_a_good_token_may_look_like(
    verifier: TokenVerifier, claims: Callable[[], dict[str, Any]]
) -> None:
    assert verifier.verify(make_token(**claims())).subject == ALICE


@pytest.mark.parametrize("claims", [
    {"realm_access": {"roles": "manager"}},
    {"realm_access": ["manager"]},
    {"realm_access": {"roles": [{"manager": 1}, None, 1]}},
    {"realm_access": None, "resource_access": {"microcommerce": {"roles": ["manager"]}}},
    {"realm_access": None, "groups": ["manager"], "roles": ["manager"], "scope": "manager"},
])  # fmt: skip
def test_roles_come_from_the_realm_and_from_nowhere_else(
    verifier: TokenVerifier, claims: dict[str, Any]
) -> None:
    principal = verifier.verify(make_token(**claims))

    assert principal.roles == frozenset()
    assert not principal.is_customer


def test_a_manager_is_a_customer_too(verifier: TokenVerifier) -> None:
    principal = verifier.verify(make_token(roles=("manager",)))

    assert (principal.is_manager, principal.is_customer) == (True, True)


def test_a_remembered_token_does_not_help_a_forged_one(verifier: TokenVerifier) -> None:
    good = make_token()
    verifier.verify(good)

    for forged in (good + "A", good[:-2], tampered_payload(), tampered_signature()):
        assert verifier.recall(forged) is None
        with pytest.raises(InvalidToken):
            verifier.verify(forged)


def test_a_remembered_token_is_forgotten_when_it_expires(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [time.time()]
    monkeypatch.setattr("shared.auth.tokens.time.time", lambda: now[0])
    token = make_token(exp=int(now[0]) - LEEWAY + 10)
    verifier.verify(token)
    assert verifier.recall(token) is not None

    now[0] += 11

    assert verifier.recall(token) is None
    with pytest.raises(InvalidToken):
        verifier.verify(token)


def test_memory_is_bounded(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.auth.tokens.REMEMBERED", 3)
    tokens = [make_token() for _ in range(5)]

    for token in tokens:
        verifier.verify(token)

    assert [verifier.recall(token) is not None for token in tokens] == [False, False, True, True, True]


def test_many_threads_verify_at_once(verifier: TokenVerifier) -> None:
    tokens = [make_token(f"customer-{number}") for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: verifier.verify(tokens[number % 8]).subject, range(80)))

    assert found == [f"customer-{number % 8}" for number in range(80)]


def test_needs_fetch_says_when_verifying_may_block(verifier: TokenVerifier) -> None:
    token = make_token()

    assert verifier.needs_fetch(token)
    verifier.verify(token)
    assert not verifier.needs_fetch(make_token())
    assert verifier.needs_fetch(sign(make_claims(), kid="unknown"))
    assert not verifier.needs_fetch("garbage")
