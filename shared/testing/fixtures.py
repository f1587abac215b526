"""Pytest fixtures for every service's tests; `tests/conftest.py` makes them known."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings
    from rest_framework.test import APIClient

ClientFor = Callable[..., "APIClient"]


@pytest.fixture
def trusted_realm(settings: "Settings") -> Iterator[None]:
    """The process trusts `shared.testing.tokens.make_token` and no other realm."""
    from shared.auth.verifier import verifier

    settings.TOKEN_VERIFIER = "shared.testing.tokens.realm_verifier"
    verifier.cache_clear()
    yield
    verifier.cache_clear()


@pytest.fixture
def client_for(trusted_realm: None) -> ClientFor:
    """Makes API clients: `client_for(subject, roles)` sends that caller's token with each request."""
    from rest_framework.test import APIClient

    from shared.testing.tokens import make_token

    def make(subject: str, roles: Iterable[str] = ("customer",)) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(subject, roles)}")
        return client

    return make


@pytest.fixture
def anonymous_client(trusted_realm: None) -> "APIClient":
    """A caller without a token."""
    from rest_framework.test import APIClient

    return APIClient()


@pytest.fixture
def customer_client(client_for: ClientFor) -> "APIClient":
    """Alice, a customer (`shared.testing.tokens.ALICE`)."""
    from shared.testing.tokens import ALICE

    return client_for(ALICE)


@pytest.fixture
def other_client(client_for: ClientFor) -> "APIClient":
    """Bob, another customer."""
    from shared.testing.tokens import BOB

    return client_for(BOB)


@pytest.fixture
def manager_client(client_for: ClientFor) -> "APIClient":
    """Mia, who runs the shop."""
    from shared.testing.tokens import MIA

    return client_for(MIA, ("manager",))


@pytest.fixture
def mia(trusted_realm: None) -> "Client":
    """The same as she comes to the admin: pages, not JSON."""
    from django.test import Client

    from shared.testing.tokens import MIA, make_token

    return Client(headers={"authorization": f"Bearer {make_token(MIA, ('manager',))}"})
