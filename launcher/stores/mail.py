"""Where Keycloak's mails go in development: a server that keeps them as files."""

import sys
from dataclasses import replace
from pathlib import Path

from launcher.addresses import port_of
from launcher.instance import Instance
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, Specification

NAME = "mail"


def directory(instance: Instance) -> Path:
    """Where the mails are, each a file."""
    return instance.data / NAME


def prepare(instance: Instance) -> None:
    """Make the directory."""
    directory(instance).mkdir(exist_ok=True)


def specification(instance: Instance) -> Specification:
    """The server as the supervisor runs it."""
    port = port_of(instance, NAME)
    command = [sys.executable, "-m", "launcher.mail_server", str(port), str(directory(instance))]
    made = base_specification(instance, NAME, command, ready=Probe("tcp", port), stop_seconds=5)
    return replace(made, directory=str(instance.root))
