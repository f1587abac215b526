"""The classes that a declaration is written in. What cannot be right is refused when it is read."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from typing import Literal, get_args

from shared.declaration.points import POINTS

Server = Literal["wsgi", "channels", "gateway"]
Role = Literal["gateway", "api", "consumer", "relay", "worker", "beat"]
Database = Literal["postgres", "mongod"]
Store = Literal["postgres", "mongod", "redis", "kafka", "keycloak"]

NAME = re.compile(r"[a-z][a-z0-9_]*")
PORTS = range(8000, 8100)  # a process has the service's port, moved by hundreds for its role
LAST_REDIS = 15  # Redis has sixteen databases


class DeclarationError(Exception):
    """A declaration says what cannot be so."""


@dataclass(frozen=True, kw_only=True)
class DeadLetters:
    """Statements about the dead letters of all services, for the one that collects them."""

    waiting: str  # topic, service and error of each that waits for a manager, each once
    headers: str  # the headers of every one


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the service's PostgreSQL database can be asked by `manage_all.py check`, as statements.

    Once nothing is under way, the checker compares what the services say of an order (docs/promises.md).
    """

    # Part of an order's life -> the order's id and what is so, in the order of ids.
    of_orders: Mapping[str, str] = field(default_factory=dict)
    under_way: str = ""  # the number of what goes on by itself
    waits: Mapping[str, str] = field(default_factory=dict)  # what -> the number of messages that wait there
    # Invariant -> a sentence for each violation. Of the same name as one of the platform's, it is a part of that one.
    invariants: Mapping[str, str] = field(default_factory=dict)
    checks_itself: str = ""  # the invariant that `manage.py invariants` judges: too much for one statement
    parked_in_redis: str = ""  # the sorted set in which messages wait for another try, without a database
    dead_letters: DeadLetters | None = None


@dataclass(frozen=True)
class Process:
    """One of a service's processes, by its role."""

    role: Role
    stores: tuple[Store, ...] = ()  # that it calls besides those of its role (launcher/system.py)
    calls: tuple[str, ...] = ()  # services whose API it calls: it gets the variable MICROCOMMERCE_<NAME>_URL
    passes: tuple[str, ...] = ()  # the crash points that it comes by
    # Those of them by which the load of `manage_all.py chaos` does not come: whoever is armed there stays so.
    not_under_load: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Django project: where it keeps what it owns, which processes it has, what it needs and what it hears."""

    name: str
    port: int  # of its API; its other processes answer probes on ports that follow from it
    redis: int  # number of its own Redis database
    database: Database | None = None  # the store that holds what it owns, besides Redis
    server: Server = "wsgi"
    processes: tuple[Process, ...]
    needs: tuple[str, ...] = ()  # fields of its environment without which it does not start
    secrets: tuple[str, ...] = ()  # fields that nobody else may know: on Kubernetes a Secret has them
    folders: Mapping[str, str] = field(default_factory=dict)  # field -> folder among the platform's data
    writes: tuple[str, ...] = ()  # topics; nobody else writes there
    listens_to: tuple[str, ...] = ()  # types of messages, as in its `handlers.py`
    crash_points: Mapping[str, str] = field(default_factory=dict)  # its own, and what is so there
    keeps: Mapping[str, timedelta] = field(default_factory=dict)  # rows that end -> for how long
    tags: Mapping[str, str] = field(default_factory=dict)  # part of its API -> a sentence for its description
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        if complaints := list(_complaints(self)):
            raise DeclarationError("\n  ".join((f"The service {self.name!r}:", *complaints)))

    @property
    def package(self) -> str:
        """Where its Django project lies."""
        return "gateway" if self.server == "gateway" else f"apps.{self.name}"

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that its processes play. A consumer carries its service's outbox as well; a relay does nothing else."""
        return tuple(each.role for each in self.processes)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The stores that its processes talk to as soon as they start: messages, too, of which the gateway hears."""
        return ("redis", "kafka", *((self.database,) if self.database else ()))

    @property
    def calls(self) -> tuple[str, ...]:
        """The services whose API any of its processes calls."""
        return tuple(dict.fromkeys(name for each in self.processes for name in each.calls))

    @property
    def required(self) -> tuple[str, ...]:
        """Fields of its environment without which it does not start, besides those that nobody starts without."""
        database = ("database_url",) if self.database else ()
        return (*database, *(f"{name}_url" for name in self.calls), *self.needs)

    def process(self, role: str) -> Process:
        """Its process of that role; raises KeyError."""
        return {str(each.role): each for each in self.processes}[role]


def unknown(what: str, name: str, among: Collection[str]) -> str:
    """A sentence about a name that is not among those that there are, with the one that was meant."""
    meant = get_close_matches(name, among, 1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"there are {', '.join(among)}."
    return f"there is no {what} {name!r}: {hint}"


def _complaints(service: Service) -> Iterator[str]:
    if not NAME.fullmatch(service.name):
        yield "its name is that of its folder, its database and its first Django app: small letters, digits and _."
    if service.port not in PORTS:
        yield f"port {service.port} is none from {PORTS[0]} to {PORTS[-1]}."
    if not 0 <= service.redis <= LAST_REDIS:
        yield f"Redis has no database {service.redis}: there are 0 to {LAST_REDIS}."
    yield from _of_a_kind("server", [service.server], get_args(Server))
    yield from _of_a_kind("database", [service.database] if service.database else [], get_args(Database))
    yield from _of_a_kind("role", service.roles, get_args(Role))
    yield from _of_processes(service)
    yield from _of_crash_points(service)


def _of_a_kind(what: str, found: Collection[str], kinds: Collection[str]) -> Iterator[str]:
    yield from (unknown(what, name, kinds) for name in found if name not in kinds)


def _of_processes(service: Service) -> Iterator[str]:
    if not service.processes:
        yield "it has no process."
    if len(set(service.roles)) < len(service.roles):
        yield "two of its processes have the same role: more of one are replicas, which the launcher does not declare."
    if bool(service.listens_to) != ("consumer" in service.roles):
        yield "who listens to messages has a process with the role consumer, and nobody else has."
    for each in service.processes:
        yield from _of_a_kind("store", each.stores, get_args(Store))


def _of_crash_points(service: Service) -> Iterator[str]:
    passed = {name for each in service.processes for name in each.passes}
    known = {**POINTS, **service.crash_points}
    yield from _of_a_kind("crash point", sorted(passed), known)
    for name in service.crash_points:
        if name in POINTS:
            yield f"the crash point {name!r} is one of shared's (shared/declaration/points.py)."
        elif name not in passed:
            yield f"none of its processes passes its crash point {name!r}."
    for each in service.processes:
        yield from _of_a_kind("crash point that it passes", each.not_under_load, each.passes)
