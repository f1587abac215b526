"""What each service process is run with: its command and its environment, from its declaration and `system.py`."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator

from launcher.addresses import api_url, database_url, gateway_url, kafka_address, keycloak_url, redis_url
from launcher.imports import MODULES
from launcher.instance import Instance
from launcher.stores.base import environment as base_environment
from launcher.supervisor.specification import Probe, Specification
from launcher.system import (
    BLOCKING_THREADS,
    OIDC_CLIENT_SECRET,
    ROLE_PORTS,
    SERVICES,
    Service,
    command,
    process_name,
    service,
)

PREFIX = "MICROCOMMERCE_"
STOP_SECONDS = 12  # a process finishes the message in hand within 10


def environment(owner: Service, instance: Instance) -> dict[str, str]:
    """Every variable of the service, from the table; others of the caller's `MICROCOMMERCE_…` are passed on."""
    values = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url(owner, instance),
        "REDIS_URL": redis_url(instance, owner.redis),
        "KAFKA": kafka_address(instance),
        "GATEWAY_URL": gateway_url(instance),
        "ISSUER": f"{keycloak_url(instance)}/realms/microcommerce",
        "KEYCLOAK_URL": keycloak_url(instance, "127.0.0.1"),
        **_only_for(owner, instance),
    }
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return base_environment(**passed_on | {PREFIX + name: value for name, value in values.items()})


def _only_for(owner: Service, instance: Instance) -> dict[str, str]:
    """What its declaration asks for: other services' addresses, folders for what it keeps; for the gateway, everybody."""
    values = {f"{name.upper()}_URL": api_url(service(name), instance) for name in owner.calls}
    values |= {name.upper(): str(instance.data / folder) for name, folder in owner.folders.items()}
    if "gateway" in owner.roles:
        upstreams = {each.name: api_url(each, instance) for each in SERVICES if "api" in each.roles}
        values |= {"UPSTREAMS": json.dumps(upstreams), "OIDC_CLIENT_SECRET": OIDC_CLIENT_SECRET}
    return values


def specifications(owner: Service, instance: Instance) -> Iterator[Specification]:
    """The service's processes as the supervisor wants them."""
    for role in owner.roles:
        yield _specification(owner, role, instance)


def _specification(owner: Service, role: str, instance: Instance) -> Specification:
    name = process_name(owner, role)
    port = instance.port(owner.port + ROLE_PORTS[role])
    arguments = command(owner, role, port)[1:]
    probe_port = {} if role in ("api", "gateway") else {PREFIX + "PROBE_PORT": str(port)}
    pool = {PREFIX + "DATABASE_POOL": str(BLOCKING_THREADS)} if role == "api" else {}
    return Specification(
        name=name,
        service=owner.name,
        port=port,
        command=(sys.executable, *arguments),
        environment={**environment(owner, instance), "PYTHONUNBUFFERED": "1", **probe_port, **pool},
        directory=str(instance.root),
        log=str(instance.logs / f"{name}.log"),
        ready=Probe("http", port, "/health/ready"),
        live=Probe("http", port, "/health/live"),
        stop_seconds=STOP_SECONDS,
        labels=("service",),
        fork_server=_fork_server(instance),
    )


def _fork_server(instance: Instance) -> Specification:
    """The process that forks them all. Another version of a package makes another one of it."""
    installed = hashlib.sha256((instance.root / "requirements" / "run.txt").read_bytes()).hexdigest()
    return Specification(
        name="fork-server",
        service="fork-server",
        port=0,
        command=(sys.executable, "-m", "launcher.supervisor.fork_server", *MODULES),
        environment=base_environment(PYTHONUNBUFFERED="1", REQUIREMENTS=installed),
        directory=str(instance.root),
        log=str(instance.logs / "fork-server.log"),
        ready=Probe("tcp", 0),  # it says so itself, to the supervisor
    )
