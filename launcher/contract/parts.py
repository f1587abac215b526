"""Asks every project for its part of the contract, each in a process of its own."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import SERVICES, Service

Json = dict[str, Any]
AT_ONCE = 2


@dataclass(frozen=True)
class Part:
    """What one project says: its API, the problems it knows, the messages it handles, the variables it reads."""

    service: str
    openapi: Json
    problems: list[Json]
    receives: list[str]
    variables: list[Json] = field(default_factory=list)


def all_parts() -> dict[str, Part]:
    """Every project's part, by its name; raises LauncherError where one cannot say it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {part.service: part for part in pool.map(_ask, SERVICES)}


def _ask(owner: Service) -> Part:
    # As on an untouched machine: addresses with another port would stand in the documents.
    instance = Instance()
    variables = {**environment(owner, instance), "DJANGO_SETTINGS_MODULE": f"{owner.package}.settings"}
    done = subprocess.run(
        [sys.executable, "-m", "launcher.contract.part"],
        cwd=instance.root,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LauncherError(f"The contract of {owner.name} cannot be described.", done.stderr)
    return Part(service=owner.name, **json.loads(done.stdout))
