"""What `status` says, for people and, as JSON, for scripts and fault tests."""

from typing import Any

from launcher import platform
from launcher.instance import Instance
from launcher.services import gateway_url
from launcher.stores import kafka, keycloak, mongod, postgres, redis


def urls(instance: Instance) -> dict[str, str]:
    """Where everything is that can be talked to from outside."""
    return {
        "gateway": gateway_url(instance),
        "keycloak": keycloak.url(instance),
        "kafka": kafka.address(instance),
        "postgres": postgres.url(instance),
        "mongodb": mongod.url(instance),
        "redis": redis.url(instance),
    }


def status(instance: Instance) -> dict[str, Any]:
    """Addresses and processes, in the shape that docs/ and the contract promise."""
    return {"urls": urls(instance), "processes": platform.processes(instance)}
