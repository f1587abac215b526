"""Configuration from the environment, read and judged in one place.

Source of the rule: The Twelve-Factor App, III (https://12factor.net/config). In development every value
has a default, so that `python apps/order/manage.py check` works in a bare shell. In production nothing
has a default: a missing or a development value stops the start.
"""

import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import faults

PREFIX = "MICROCOMMERCE_"
DEVELOPMENT_SECRET = "development-secret-that-production-refuses-0123456789"  # noqa: S105 - refused in production

# service -> (HTTP port, Redis database); the launcher's table moves the ports with --port-offset.
SERVICES = {
    "gateway": (8000, 1),
    "product": (8001, 7),
    "order": (8002, 5),
    "stock": (8003, 6),
    "basket": (8004, 2),
    "notification": (8005, 3),
    "saga": (8006, 4),
}
# What a service cannot do without, besides what every process needs.
REQUIRED = {
    "gateway": ("upstreams", "oidc_client_secret"),
    "product": ("database_url",),
    "order": ("database_url", "basket_url"),
    "stock": ("database_url",),
    "notification": ("database_url",),
    "saga": ("database_url",),
    "basket": (),
}
DEVELOPMENT_DATABASES = {
    "product": "mongodb://127.0.0.1:8017/product?replicaSet=rs0&directConnection=true",
    **{
        name: f"postgresql://{name}:{name}@127.0.0.1:8432/{name}"
        for name in ("order", "stock", "saga", "notification")
    },
}


class Environment(BaseSettings):
    """The environment of one process. Each field is the variable `MICROCOMMERCE_<FIELD>`; addresses are URLs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    environment: Literal["development", "production"] = Field(
        default="development", description="`production` refuses what may be so on a developer's machine only"
    )
    secret_key: str = Field(min_length=32, description="Django's, for signatures: at least 32 characters")
    debug: bool = Field(default=False, description="Django's; never in production")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )
    log_format: Literal["console", "json"] = Field(
        default="json", description="`json`, or `console` for people, which development has"
    )
    database_url: str = Field(
        default="",
        description="the service's own PostgreSQL or MongoDB; needed by all but gateway and basket",
    )
    database_pool: int = Field(
        default=0, ge=0, le=64, description="connections; 0: one per thread, kept open"
    )
    redis_url: str = Field(description="the service's own Redis database")
    kafka: str = Field(description="bootstrap servers, `host:port` with commas between")
    gateway_url: str = Field(description="the public address: https in production")
    issuer: str = Field(description="the realm's public address, as tokens name it: https in production")
    keycloak_url: str = Field(description="where services reach Keycloak, for its keys")
    basket_url: str = Field(
        default="", description="where the order service reads baskets; needed there only"
    )
    upstreams: dict[str, str] = Field(
        default={}, description="where each service answers, as JSON; needed by the gateway only"
    )
    oidc_client_secret: str = Field(
        default="", description="the secret of Keycloak's client `gateway`; needed by the gateway only"
    )
    crash_point: str = Field(default="", description="where the process dies, for tests: see shared.faults")
    probe_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="where a process without HTTP of its own answers /health and /metrics",
    )
    probe_host: str = Field(
        default="127.0.0.1",
        description="… and on which address: `0.0.0.0` in a container, whose prober is outside",
    )

    @classmethod
    def of(cls, service: str) -> Self:
        """The environment of `service`; raises ImproperlyConfigured that names every wrong variable at once."""
        production = os.environ.get(f"{PREFIX}ENVIRONMENT") == "production"
        defaults = {} if production else development_defaults(service)
        missing = {
            name: value for name, value in defaults.items() if f"{PREFIX}{name.upper()}" not in os.environ
        }
        try:
            found = cls(**missing)
        except ValidationError as error:
            raise ImproperlyConfigured(_explain(error)) from error
        if complaints := [*found.missing(service), *found.unfit_for_production()]:
            raise ImproperlyConfigured(_listed(complaints))
        return found

    @field_validator("crash_point")
    @classmethod
    def _crash_point_exists(cls, value: str) -> str:
        if value and (reason := faults.refusal(value)):
            raise ValueError(reason)
        return value

    def missing(self, service: str) -> Iterator[str]:
        """What `service` cannot do without."""
        for name in REQUIRED[service]:
            if not getattr(self, name):
                yield f"{PREFIX}{name.upper()}: is needed by {service} and was not set"

    def unfit_for_production(self) -> Iterator[str]:
        """What may be so on a developer's machine and nowhere else."""
        database = urlsplit(self.database_url)
        refused = {
            "secret_key": (self.secret_key == DEVELOPMENT_SECRET, "is the development secret; set your own"),
            "oidc_client_secret": (
                self.oidc_client_secret == DEVELOPMENT_SECRET, "is the development secret; set your own",
            ),
            "debug": (self.debug, "is on; unset it"),
            "crash_point": (self.crash_point, "is set; a process that dies on purpose is for tests"),
            "issuer": _judged(self.issuer, "tokens"),
            "gateway_url": _judged(self.gateway_url, "cookies"),
            "database_url": (
                database.password and database.password == database.username,
                "has the user's name for a password, as in development; set your own",
            ),
        }  # fmt: skip
        for name, (is_wrong, why) in refused.items():
            if is_wrong and self.is_production:
                yield f"{PREFIX}{name.upper()}: {why}"

    @property
    def is_production(self) -> bool:
        """Whether development's conveniences are refused."""
        return self.environment == "production"


def development_defaults(service: str) -> dict[str, Any]:
    """The values that a process of `service` has on a developer's machine when its environment says nothing."""
    return {
        "secret_key": DEVELOPMENT_SECRET,
        "database_url": DEVELOPMENT_DATABASES.get(service, ""),
        "redis_url": f"redis://127.0.0.1:8379/{SERVICES[service][1]}",
        "kafka": "127.0.0.1:8092",
        "gateway_url": "http://localhost:8000",
        "issuer": "http://localhost:8080/realms/microcommerce",
        "keycloak_url": "http://127.0.0.1:8080",
        "basket_url": f"http://127.0.0.1:{SERVICES['basket'][0]}",
        "upstreams": {
            name: f"http://127.0.0.1:{port}" for name, (port, _) in SERVICES.items() if name != "gateway"
        },
        "oidc_client_secret": DEVELOPMENT_SECRET,
        "log_format": "console",
    }


def _judged(address: str, what: str) -> tuple[bool, str]:
    """Whether `address` is not one that clients may be sent to, and why."""
    if not address.startswith("https://"):
        return True, f"is not https; {what} travel only over TLS"
    return _is_local(urlsplit(address).hostname or ""), "is on this machine; clients are elsewhere"


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _explain(error: ValidationError) -> str:
    return _listed(f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())


def _listed(complaints: Iterable[str]) -> str:
    return "\n  ".join(["This process cannot start with this environment:", *complaints])
