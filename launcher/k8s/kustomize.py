"""What `kubectl apply -k` would send: the manifests of k8s/, put together by kubectl's own kustomize."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from launcher.errors import LauncherError
from launcher.instance import ROOT

Json = dict[str, Any]

MANIFESTS = ROOT / "k8s"
KUBECTL = Path(sys.executable).parent / "kubectl"


def overlays() -> list[str]:
    """What `render` and `validate` know by name."""
    return sorted(path.name for path in (MANIFESTS / "overlays").iterdir() if path.is_dir())


def directory(name: str) -> Path:
    """Where an overlay is: one of ours by its name, anybody's by its path. Raises LauncherError for neither."""
    for path in (MANIFESTS / "overlays" / name, MANIFESTS / name, Path(name)):
        if (path / "kustomization.yaml").exists():
            return path
    raise LauncherError(
        f"There is no overlay {name}.", f"Choose from base, {', '.join(overlays())}, or name a directory."
    )


def render(name: str) -> str:
    """The manifests of an overlay as YAML. Raises LauncherError where kustomize refuses them."""
    command = [str(KUBECTL), "kustomize", str(directory(name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(f"{name} cannot be rendered: {done.stderr.strip()}", "")
    return done.stdout


def objects(text: str) -> list[Json]:
    """The objects of rendered manifests."""
    return [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
