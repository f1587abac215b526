"""What the supervisor is told about one process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

ProbeKind = Literal["http", "tcp", "postgres", "redis"]


@dataclass(frozen=True)
class Probe:
    """A question to a port on this machine: HTTP 200, an accepted connection, or the store's own greeting."""

    kind: ProbeKind
    port: int
    path: str = "/"
    timeout: float = 5.0  # seconds


@dataclass(frozen=True)
class RunAs:
    """Another, unprivileged user; only root can run a process as someone else."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Specification:
    """A process: how to run it, how to see that it is well, how to stop it."""

    name: str
    service: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    log: str
    ready: Probe
    live: Probe | None = None
    live_interval: float = 5.0  # seconds between two questions whether it is live
    run_as: RunAs | None = None
    stop_signal: int = 15
    stop_seconds: float = 12
    start_seconds: float = 90
    labels: tuple[str, ...] = field(default=())
    first_environment: Mapping[str, str] = field(default_factory=dict)  # on top, for the first start only
    fork_server: "Specification | None" = (
        None  # a program that forks it (`launcher.supervisor.fork_server`); None: it is started
    )

    def for_first_start(self) -> Self:
        """As it is started the first time."""
        return replace(self, environment={**self.environment, **self.first_environment})

    def to_json(self) -> dict[str, Any]:
        """As plain data, for the socket."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The other way round; raises TypeError for a field that does not exist."""
        values = dict(data)
        values["command"] = tuple(values["command"])
        values["labels"] = tuple(values.get("labels", ()))
        values["ready"] = Probe(**values["ready"])
        values["live"] = Probe(**values["live"]) if values.get("live") else None
        values["run_as"] = RunAs(**values["run_as"]) if values.get("run_as") else None
        values["fork_server"] = cls.from_json(values["fork_server"]) if values.get("fork_server") else None
        return cls(**values)
