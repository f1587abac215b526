"""Configuration that is wrong stops the start, and says everything that is wrong at once."""

import secrets

import pytest
from django.core.exceptions import ImproperlyConfigured

from shared.settings import Environment
from shared.settings.environment import DEVELOPMENT_SECRET, PREFIX, SERVICES

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "OIDC_CLIENT_SECRET": secrets.token_urlsafe(32),
    "DATABASE_URL": "postgresql://order:a-password@db/order",
    "REDIS_URL": "redis://redis/5",
    "KAFKA": "kafka:9092",
    "GATEWAY_URL": "https://shop.example.com",
    "ISSUER": "https://id.example.com/realms/microcommerce",
    "KEYCLOAK_URL": "http://keycloak:8080",
    "BASKET_URL": "http://basket:8000",
    "UPSTREAMS": '{"order": "http://order:8000"}',
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that production starts with, in the place of the tests' own."""
    for name in Environment.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(PREFIX + name, value)
    return monkeypatch


def complaint(service: str = "order") -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment.of(service)
    return str(caught.value)


@pytest.mark.parametrize("service", SERVICES)
def test_a_complete_environment_is_fit_for_production(service: str) -> None:
    assert Environment.of(service).is_production


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SECRET_KEY", DEVELOPMENT_SECRET, "is the development secret"),
        ("SECRET_KEY", "short", "at least 32 characters"),
        ("OIDC_CLIENT_SECRET", DEVELOPMENT_SECRET, "is the development secret"),
        ("DEBUG", "true", "is on"),
        ("CRASH_POINT", "relay.sent", "is set"),
        ("ISSUER", "http://localhost:8080/realms/microcommerce", "is not https"),
        ("GATEWAY_URL", "http://localhost:8000", "is not https"),
        ("DATABASE_URL", "postgresql://order:order@db/order", "has the user's name for a password"),
        ("DATABASE_URL", "", "is needed by order"),
        ("BASKET_URL", "", "is needed by order"),
        ("PROBE_PORT", "99999", "less than or equal to 65535"),
        ("ENVIRONMENT", "staging", "'development' or 'production'"),
    ],
)
def test_production_refuses(environment: pytest.MonkeyPatch, name: str, value: str, why: str) -> None:
    """Red when a convenience of development would run in production (promises, "Security")."""
    environment.setenv(PREFIX + name, value)
    found = complaint()
    assert f"{PREFIX}{name}: " in found
    assert why in found


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "REDIS_URL", "KAFKA", "GATEWAY_URL", "ISSUER", "KEYCLOAK_URL"]
)
def test_production_has_no_defaults(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(PREFIX + name)
    assert f"{PREFIX}{name}: Field required" in complaint()


def test_everything_wrong_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(PREFIX + "DEBUG", "true")
    environment.setenv(PREFIX + "SECRET_KEY", DEVELOPMENT_SECRET)
    assert complaint().count(PREFIX) == 2


@pytest.mark.parametrize("name", ["UPSTREAMS", "OIDC_CLIENT_SECRET"])
def test_the_gateway_needs(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(PREFIX + name)
    assert f"{PREFIX}{name}: is needed by gateway" in complaint("gateway")


@pytest.mark.parametrize("service", SERVICES)
def test_development_needs_nothing(environment: pytest.MonkeyPatch, service: str) -> None:
    for name in PRODUCTION:
        environment.delenv(PREFIX + name)
    assert not Environment.of(service).is_production
