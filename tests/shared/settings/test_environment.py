"""Configuration that is wrong stops the start, and says everything that is wrong at once."""

import secrets
from importlib import import_module

import pytest
from django.core.exceptions import ImproperlyConfigured

from shared.declaration import Process, Service, declared
from shared.settings import Environment
from shared.settings.environment import DEVELOPMENT_SECRET, PREFIX

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
    "MEDIA_BUCKET": "pictures",
}
# What calls this machine, wherever it is said.
LOCAL = (
    "localhost", "LOCALHOST:8443", "localhost.", "id.localhost", "127.0.0.1", "127.8.0.1:8443", "[::1]", "0.0.0.0"
)  # fmt: skip


SERVICES = {each.name: each for each in declared()}


def environment_of(name: str) -> type[Environment]:
    """The class that the service's settings read: its own, where it has fields of its own."""
    found = vars(import_module(f"{SERVICES[name].package}.settings")).values()
    kinds = [each for each in found if isinstance(each, type) and issubclass(each, Environment)]
    return max(kinds, key=lambda each: len(each.mro()), default=Environment)


def read(name: str = "order") -> Environment:
    return environment_of(name).of(SERVICES[name])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that production starts with, in the place of the tests' own."""
    for name in (field for each in SERVICES for field in environment_of(each).model_fields):
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(PREFIX + name, value)
    return monkeypatch


def complaint(service: str = "order") -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(service)
    return str(caught.value)


@pytest.mark.parametrize("service", SERVICES)
def test_a_complete_environment_is_fit_for_production(service: str) -> None:
    assert read(service).is_production


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SECRET_KEY", DEVELOPMENT_SECRET, "is the development secret"),
        ("SECRET_KEY", "short", "at least 32 characters"),
        ("DEBUG", "true", "is on"),
        ("CRASH_POINT", "relay.sent", "is set"),
        ("ISSUER", "http://localhost:8080/realms/microcommerce", "is not https"),
        ("ISSUER", "http://id.example.com/realms/microcommerce", "is not https"),
        *(("ISSUER", f"https://{host}/realms/microcommerce", "is on this machine") for host in LOCAL),
        ("GATEWAY_URL", "http://localhost:8000", "is not https"),
        ("GATEWAY_URL", "http://shop.example.com", "is not https"),
        *(("GATEWAY_URL", f"https://{host}", "is on this machine") for host in LOCAL),
        ("DATABASE_URL", "postgresql://order:order@db/order", "has the user's name for a password"),
        ("DATABASE_URL", "", "is needed by order"),
        ("BASKET_URL", "", "is needed by order"),
        ("CRASH_POINT", "saga.written", "there is no crash point"),
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


@pytest.mark.parametrize("host", ["10.0.0.5", "localhost.example.com", "mylocalhost", "id.example.com:8443"])
def test_production_takes_an_issuer_elsewhere(environment: pytest.MonkeyPatch, host: str) -> None:
    environment.setenv(PREFIX + "ISSUER", f"https://{host}/realms/microcommerce")
    assert read().is_production


def test_development_may_be_on_this_machine(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(PREFIX + "ENVIRONMENT", "development")
    environment.setenv(PREFIX + "ISSUER", "http://localhost:8080/realms/microcommerce")
    environment.setenv(PREFIX + "DEBUG", "true")
    assert read().debug


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_starts_in_production_with_what_development_has(
    environment: pytest.MonkeyPatch, service: str
) -> None:
    """Red when one service is let off."""
    for name, value in environment_of(service).development_defaults(SERVICES[service]).items():
        if isinstance(value, str):
            environment.setenv(PREFIX + name.upper(), value)
    found = complaint(service)
    own = ("OIDC_CLIENT_SECRET",) if service == "gateway" else ()
    for name in ("SECRET_KEY", "ISSUER", "GATEWAY_URL", *own):
        assert f"{PREFIX}{name}: " in found


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
    assert not read(service).is_production


def test_a_service_may_die_at_a_crash_point_of_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(PREFIX + "ENVIRONMENT", "development")
    environment.setenv(PREFIX + "CRASH_POINT", "saga.written:2")
    assert read("saga").crash_point == "saga.written:2"


def test_a_declaration_that_needs_what_its_environment_lacks_stops_the_start() -> None:
    """Red when a misspelt field is needed by nobody, and its service starts without it."""
    misspelt = Service(name="lab", port=8050, redis=9, processes=(Process("api"),), needs=("gateway_ulr",))
    with pytest.raises(ImproperlyConfigured, match="no field 'gateway_ulr': did you mean 'gateway_url'"):
        Environment.of(misspelt)
