"""A cluster, and how one talks to it: kubectl, with whatever it must be started through."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from launcher.errors import LauncherError
from launcher.k8s.kustomize import KUBECTL

Json = dict[str, Any]
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """The cluster in kubeconfig, unless it says otherwise."""

    kubectl: str = str(KUBECTL)
    through: Sequence[str] = ()  # what programs that reach the cluster are started by
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_lab: bool = False

    def run(self, *arguments: str, given: str | None = None, seconds: float = ANSWER_SECONDS) -> str:
        """What kubectl prints. Raises LauncherError with what it says where it fails."""
        try:
            done = subprocess.run(
                [*self.through, self.kubectl, *arguments],
                env=dict(self.environment),
                input=given,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except FileNotFoundError as error:
            raise LauncherError(
                f"kubectl cannot be started: {error}", "Remove .venv and try again."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise LauncherError(
                f"kubectl {' '.join(arguments)}: no answer in {seconds:.0f} s.", ""
            ) from error
        if done.returncode != 0:
            raise LauncherError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}", _WAY_OUT)
        return done.stdout

    def get(self, *arguments: str) -> Json:
        """Objects as the API has them."""
        found: Json = json.loads(self.run("get", *arguments, "--output=json"))
        return found

    def items(self, *arguments: str) -> list[Json]:
        """The objects of a list; none where the kind or the namespace is unknown."""
        found: list[Json] = self.get(*arguments, "--ignore-not-found").get("items", [])
        return found


_WAY_OUT = (
    "Which cluster is meant? `kubectl config current-context`; `--lab` is the one that the tests bring."
)
