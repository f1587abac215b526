"""Where everything can be reached, seen from this machine. Imports no client library: `status` is to be quick."""

from launcher.instance import Instance
from launcher.system import POSTGRES_ADMINISTRATOR, Service, service, store

REPLICA_SET = "rs0"


def port_of(instance: Instance, name: str) -> int:
    """Where the store of that name listens."""
    return instance.port(store(name).port)


def postgres_url(instance: Instance, user: str = POSTGRES_ADMINISTRATOR) -> str:
    """The user's own database; a role's password is its own name, as in all of development."""
    return f"postgresql://{user}:{user}@127.0.0.1:{port_of(instance, 'postgres')}/{user}"


def mongodb_url(instance: Instance, database: str = "") -> str:
    """The replica set's only member."""
    address = f"127.0.0.1:{port_of(instance, 'mongod')}"
    return f"mongodb://{address}/{database}?replicaSet={REPLICA_SET}&directConnection=true"


def redis_url(instance: Instance, database: int | None = None) -> str:
    """The server, or one of its numbered databases."""
    path = "" if database is None else f"/{database}"
    return f"redis://127.0.0.1:{port_of(instance, 'redis')}{path}"


def kafka_address(instance: Instance) -> str:
    """The bootstrap server."""
    return f"127.0.0.1:{port_of(instance, 'kafka')}"


def keycloak_url(instance: Instance, host: str = "localhost") -> str:
    """How browsers reach Keycloak, and how the tokens' issuer begins."""
    return f"http://{host}:{port_of(instance, 'keycloak')}"


def gateway_url(instance: Instance) -> str:
    """The platform's public address."""
    return f"http://localhost:{instance.port(service('gateway').port)}"


def api_url(owner: Service, instance: Instance) -> str:
    """Where a service's own HTTP interface is."""
    return f"http://127.0.0.1:{instance.port(owner.port)}"


def database_url(owner: Service, instance: Instance) -> str:
    """Where a service's own database is; empty for one that has only Redis."""
    if owner.database == "postgres":
        return postgres_url(instance, owner.name)
    return mongodb_url(instance, owner.name) if owner.database == "mongod" else ""


def all_urls(instance: Instance) -> dict[str, str]:
    """What can be talked to from outside, as `status --json` names it."""
    return {
        "gateway": gateway_url(instance),
        "keycloak": keycloak_url(instance),
        "kafka": kafka_address(instance),
        "postgres": postgres_url(instance),
        "mongodb": mongodb_url(instance),
        "redis": redis_url(instance),
    }
