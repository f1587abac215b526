"""Who acts: the person, the command or the platform itself that a change is written down for (`shared.history`).

The actor belongs to what is being done, as a trace does (`shared.telemetry.trace`): nobody hands it from function to
function, so no operation can be called without one. `RequestContextMiddleware` begins each request without an actor, and
whoever verifies the caller's token names it: `shared.auth.drf` for the API, `shared.admin.middleware` for the admin.
Outside of requests the platform acts, or a command that says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from shared.auth.principal import Principal


class Source(StrEnum):
    """Where a change came from."""

    ADMIN = "admin"
    API = "api"
    COMMAND = "command"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and from where.

    `subject` is Keycloak's `sub`, empty where nobody signed in; `name` is the user's, or that of the command.
    """

    source: Source
    subject: str = ""
    name: str = ""


class NobodyActs(RuntimeError):
    """A request changes something before anybody has said whose it is."""


PLATFORM = Actor(Source.PLATFORM)
_current: ContextVar[Actor | None] = ContextVar("actor", default=PLATFORM)


def current() -> Actor:
    """Who acts now. Raises NobodyActs in a request whose caller is not known."""
    actor = _current.get()
    if actor is None:
        raise NobodyActs("This request has no verified caller, and changes what has a history.")
    return actor


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """Make `actor` the one who acts inside the block; None: a request whose caller is not known yet."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def identify(caller: Principal, source: Source) -> None:
    """This request is `caller`'s: until its end, which `RequestContextMiddleware` sees to."""
    _current.set(Actor(source, caller.subject, caller.username))


def command(name: str) -> Actor:
    """The management command `name`."""
    return Actor(Source.COMMAND, name=name)
