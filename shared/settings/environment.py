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
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import faults
from shared.declaration import Service, declared
from shared.declaration.discovery import ROOT
from shared.declaration.service import unknown

PREFIX = "MICROCOMMERCE_"
DEVELOPMENT_SECRET = "development-secret-that-production-refuses-0123456789"  # noqa: S105 - refused in production

# Where development has its stores: a service says which of them it uses, the launcher moves the ports.
POSTGRES, MONGOD, REDIS, KAFKA = "127.0.0.1:8432", "127.0.0.1:8017", "127.0.0.1:8379", "127.0.0.1:8092"


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
        description="the service's own PostgreSQL or MongoDB; needed by those that have one",
    )
    database_pool: int = Field(
        default=0, ge=0, le=64, description="connections; 0: one per thread, kept open"
    )
    redis_url: str = Field(description="the service's own Redis database")
    kafka: str = Field(description="bootstrap servers, `host:port` with commas between")
    gateway_url: str = Field(description="the public address: https in production")
    issuer: str = Field(description="the realm's public address, as tokens name it: https in production")
    keycloak_url: str = Field(description="where services reach Keycloak, for its keys")
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
    def of(cls, service: Service) -> Self:
        """The environment of `service`; raises ImproperlyConfigured that names every wrong variable at once."""
        for name in (*service.required, *service.secrets, *service.folders):
            if name not in cls.model_fields:
                told = unknown("field", name, list(cls.model_fields))
                raise ImproperlyConfigured(
                    f"The declaration of {service.name} needs what {cls.__name__} lacks: {told}"
                )
        production = os.environ.get(f"{PREFIX}ENVIRONMENT") == "production"
        defaults = {} if production else cls.development_defaults(service)
        missing = {
            name: value for name, value in defaults.items() if f"{PREFIX}{name.upper()}" not in os.environ
        }
        try:
            found = cls(**missing)
        except ValidationError as error:
            raise ImproperlyConfigured(_explain(error)) from error
        complaints = (
            *found.missing(service),
            *found.unknown_crash_point(service),
            *found.unfit_for_production(),
        )
        if complaints:
            raise ImproperlyConfigured(_listed(complaints))
        return found

    @classmethod
    def development_defaults(cls, service: Service) -> dict[str, Any]:
        """The values that a process of `service` has on a developer's machine when its environment says nothing."""
        ports = {each.name: each.port for each in declared()}
        return {
            "secret_key": DEVELOPMENT_SECRET,
            "database_url": _development_database(service),
            "redis_url": f"redis://{REDIS}/{service.redis}",
            "kafka": KAFKA,
            "gateway_url": "http://localhost:8000",
            "issuer": "http://localhost:8080/realms/microcommerce",
            "keycloak_url": "http://127.0.0.1:8080",
            "log_format": "console",
            **{f"{name}_url": f"http://127.0.0.1:{ports[name]}" for name in service.calls if name in ports},
            **{
                name: str(ROOT / ".microcommerce/0/data" / folder) for name, folder in service.folders.items()
            },
        }

    def missing(self, service: Service) -> Iterator[str]:
        """What `service` cannot do without."""
        for name in service.required:
            if not getattr(self, name):
                yield f"{PREFIX}{name.upper()}: is needed by {service.name} and was not set"

    def unknown_crash_point(self, service: Service) -> Iterator[str]:
        """A test would wait for a crash that never comes."""
        if self.crash_point and (reason := faults.refusal(self.crash_point, service.crash_points)):
            yield f"{PREFIX}CRASH_POINT: {reason}"

    def unfit_for_production(self) -> Iterator[str]:
        """What may be so on a developer's machine and nowhere else."""
        database = urlsplit(self.database_url)
        refused = {
            "secret_key": (self.secret_key == DEVELOPMENT_SECRET, "is the development secret; set your own"),
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


def _development_database(service: Service) -> str:
    if service.database == "postgres":
        return f"postgresql://{service.name}:{service.name}@{POSTGRES}/{service.name}"
    return (
        f"mongodb://{MONGOD}/{service.name}?replicaSet=rs0&directConnection=true" if service.database else ""
    )


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
