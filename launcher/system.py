"""The whole system on one page: every store, every service, every process, and who waits for whom.

Services declare themselves, each in `service.py` of its folder; here is what that means on a machine. Ports are those
without `--port-offset`. `compose.yaml` says the same for Docker: `manage_all.py schema` writes it from here.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from launcher.errors import LauncherError
from launcher.instance import ROOT
from shared.declaration import DeclarationError, Service, declared
from shared.declaration.service import Server

__all__ = [
    "ANY_ADDRESS",
    "BLOCKING_THREADS",
    "OIDC_CLIENT_SECRET",
    "POSTGRES_ADMINISTRATOR",
    "ROLE_PORTS",
    "SERVICES",
    "STORES",
    "USERS",
    "Service",
    "Store",
    "calls",
    "command",
    "process_name",
    "require_ports_apart",
    "service",
    "store",
    "with_postgres",
]


@dataclass(frozen=True)
class Store:
    """A store, or Keycloak: a part that we run but did not write."""

    name: str
    port: int
    also: tuple[int, ...] = ()  # further ports that it listens on
    waits_for: tuple[str, ...] = ()


STORES = (
    Store("postgres", 8432),
    Store("mongod", 8017),
    Store("redis", 8379),
    Store("kafka", 8092, also=(8093, 8094)),  # 8094: for those who come by a detour, in fault tests
    Store("keycloak", 8080, also=(8081,), waits_for=("postgres",)),
    Store("mail", 8025),  # keeps what Keycloak sends; production has a real one
)

# role -> how far its port is from the service's own
ROLE_PORTS = {"gateway": 0, "api": 0, "consumer": 100, "relay": 200, "worker": 300, "beat": 400}


def require_ports_apart(services: Iterable[Service]) -> None:
    """Raises DeclarationError where two of our processes, or one and a store, would listen on the same port."""
    used: dict[int, list[str]] = defaultdict(list)
    for store in STORES:
        for port in (store.port, *store.also):
            used[port].append(store.name)
    for owner in services:
        for role in owner.roles:
            used[owner.port + ROLE_PORTS[role]].append(process_name(owner, role))
    if met := {port: names for port, names in used.items() if len(names) > 1}:
        told = (f"{' and '.join(names)} both have the port {port}." for port, names in met.items())
        raise DeclarationError("\n  ".join(("The services do not fit together:", *told)))


def process_name(owner: Service, role: str) -> str:
    """As `status` shows it: `order-api`, `saga-worker`, `gateway`."""
    return owner.name if role == owner.name else f"{owner.name}-{role}"


def _services() -> tuple[Service, ...]:
    try:
        found = declared(ROOT)
        require_ports_apart(found)
    except DeclarationError as error:
        raise LauncherError(
            str(error), "shared/declaration/service.py says what a declaration may hold."
        ) from error
    return found


SERVICES = _services()

# role -> the stores that its processes open connections to, besides the database of their service and what they declare.
# Kubernetes' network policies allow these arrows and no others (tests/launcher/test_k8s.py).
CALLS: dict[str, tuple[str, ...]] = {
    "gateway": ("redis", "kafka", "keycloak"),
    "api": ("redis", "keycloak"),
    "consumer": ("kafka",),
    "relay": ("kafka",),
    "worker": ("redis",),
    "beat": ("redis",),  # it sends wake-ups: what is due, the worker asks the database
}
WITHOUT_DATABASE = ("beat",)

ANY_ADDRESS = str(IPv4Address(0))  # where a process in a container listens
# What runs, from the root of the repository; `python` is the one that runs the launcher.
BLOCKING_THREADS = 8  # requests that a service answers at once, and its database connections
GRANIAN = (
    "python -m granian --host {host} --port {port} --workers 1 --respawn-failed-workers --log-level warning"
)
SERVERS: dict[Server, str] = {
    "wsgi": f"{GRANIAN} --interface wsgi --no-ws --blocking-threads {BLOCKING_THREADS} --workers-kill-timeout 8"
    " {package}.wsgi:application",
    "channels": "python -m {package}.server -b {host} -p {port} {package}.asgi:application",  # daphne, with what it lacks
    "gateway": "python -m gateway --host {host} --port {port}",
}
ROLES = {
    "consumer": "python {directory}/manage.py consume",
    "relay": "python {directory}/manage.py relay",
    # One task at a time in the worker's own process: a task moves a whole batch of sagas, so more workers add
    # replicas and not children, and what is killed is what was working.
    "worker": "python -m celery -A {package} worker --pool solo --loglevel WARNING"
    " --without-gossip --without-mingle --without-heartbeat",
    "beat": "python -m celery -A {package} beat --loglevel WARNING",
}


def command(owner: Service, role: str, port: int, host: str = "127.0.0.1") -> list[str]:
    """The command line of one process."""
    template = ROLES.get(role, SERVERS[owner.server])
    directory = owner.package.replace(".", "/")
    values = {"port": port, "host": host, "package": owner.package, "directory": directory}
    return [part.format_map(values) for part in template.split()]


# Development only: production gets its own through the environment.
USERS = {"alice": "customer", "bob": "customer", "carol": "customer", "mia": "manager"}
OIDC_CLIENT_SECRET = "development-secret-that-production-refuses-0123456789"  # noqa: S105
POSTGRES_ADMINISTRATOR = "postgres"  # user and password; each service's role has its own name for a password


def service(name: str) -> Service:
    """The service of that name; raises KeyError."""
    return {each.name: each for each in SERVICES}[name]


def store(name: str) -> Store:
    """The store of that name; raises KeyError."""
    return {each.name: each for each in STORES}[name]


def with_postgres() -> tuple[Service, ...]:
    """The services that own a PostgreSQL database."""
    return tuple(each for each in SERVICES if each.database == "postgres")


def calls(owner: Service, role: str) -> frozenset[str]:
    """What a process opens connections to: stores, Keycloak, and other services' APIs by their process's name."""
    process = owner.process(role)
    found = {*CALLS[role], *process.stores, *(f"{name}-api" for name in process.calls)}
    if owner.database and role not in WITHOUT_DATABASE:
        found.add(owner.database)
    if role == "gateway":
        found |= {process_name(each, "api") for each in SERVICES if "api" in each.roles}
    return frozenset(found)
