"""The whole system on one page: every store, every service, every process, and who waits for whom.

Ports are those without `--port-offset`. `compose.yaml` says the same for Docker; a test holds them together.
"""

from dataclasses import dataclass
from typing import Literal

Server = Literal["wsgi", "channels", "gateway"]


@dataclass(frozen=True)
class Store:
    """A store, or Keycloak: a part that we run but did not write."""

    name: str
    port: int
    also: tuple[int, ...] = ()  # further ports that it listens on
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """One of the seven projects, and the roles that its processes play."""

    name: str
    port: int
    server: Server
    redis: int  # number of its own Redis database
    database: str | None  # the store that holds what it owns, besides Redis
    roles: tuple[str, ...]  # a consumer carries its service's outbox as well; a relay does nothing else

    @property
    def package(self) -> str:
        """Where its Django project lies."""
        return "gateway" if self.name == "gateway" else f"apps.{self.name}"

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The stores that its processes talk to as soon as they start: messages, too, of which the gateway hears."""
        return ("redis", "kafka", *((self.database,) if self.database else ()))


STORES = (
    Store("postgres", 8432),
    Store("mongod", 8017),
    Store("redis", 8379),
    Store("kafka", 8092, also=(8093, 8094)),  # 8094: for those who come by a detour, in fault tests
    Store("keycloak", 8080, also=(8081,), waits_for=("postgres",)),
    Store("mail", 8025),  # keeps what Keycloak sends; production has a real one
)

SERVICES = (
    #       name            port  server      redis  database    roles
    Service("gateway",      8000, "gateway",  1,     None,       ("gateway",)),
    Service("product",      8001, "wsgi",     7,     "mongod",   ("api", "relay")),
    Service("order",        8002, "wsgi",     5,     "postgres", ("api", "consumer")),
    Service("stock",        8003, "wsgi",     6,     "postgres", ("api", "consumer")),
    Service("basket",       8004, "wsgi",     2,     None,       ("api", "consumer")),
    Service("notification", 8005, "channels", 3,     "postgres", ("api", "consumer")),
    Service("saga",         8006, "wsgi",     4,     "postgres", ("api", "consumer", "worker", "beat")),
)  # fmt: skip

# role -> how far its port is from the service's own
ROLE_PORTS = {"gateway": 0, "api": 0, "consumer": 100, "relay": 200, "worker": 300, "beat": 400}

# role -> the stores that its processes open connections to, besides the database of their service. Kubernetes' network
# policies allow these arrows and no others (tests/launcher/test_k8s.py).
CALLS: dict[str, tuple[str, ...]] = {
    "gateway": ("redis", "kafka", "keycloak"),
    "api": ("redis", "keycloak"),
    "consumer": ("kafka",),
    "relay": ("kafka",),
    "worker": ("redis",),
    "beat": ("redis",),  # it sends wake-ups: what is due, the worker asks the database
}
WITHOUT_DATABASE = ("beat",)
# Consumers that change something in Redis: baskets, sockets to be told, workers to be woken.
CONSUMERS_WITH_REDIS = ("basket", "notification", "saga")
SERVICE_CALLS = {"order-api": ("basket-api",)}  # the one call between services; the gateway calls every API

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


def process_name(owner: Service, role: str) -> str:
    """As `status` shows it: `order-api`, `saga-worker`, `gateway`."""
    return owner.name if role == owner.name else f"{owner.name}-{role}"


def calls(owner: Service, role: str) -> frozenset[str]:
    """What a process opens connections to: stores, Keycloak, and other services' APIs by their process's name."""
    found = set(CALLS[role])
    if owner.database and role not in WITHOUT_DATABASE:
        found.add(owner.database)
    if role == "consumer" and owner.name in CONSUMERS_WITH_REDIS:
        found.add("redis")
    if role == "gateway":
        found |= {process_name(each, "api") for each in SERVICES if "api" in each.roles}
    return frozenset(found | set(SERVICE_CALLS.get(process_name(owner, role), ())))
