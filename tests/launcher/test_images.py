"""What infrastructure/Dockerfile makes, as far as its text says it; tests/k8s builds and runs the images."""

import re
from typing import Any

import yaml

from launcher.instance import ROOT
from launcher.system import SERVICES

LINES = (ROOT / "infrastructure" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
INSTRUCTIONS = [line for line in LINES if line and not line.startswith("#")]
PACKAGES = {*(each.package.replace(".", "/") for each in SERVICES), "launcher"}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def arguments(instruction: str) -> list[str]:
    return [line.partition(" ")[2] for line in INSTRUCTIONS if line.startswith(f"{instruction} ")]


def copied() -> set[str]:
    """What COPY takes from the checkout."""
    sources = [word for each in arguments("COPY") if "--from" not in each for word in each.split()[:-1]]
    return {path for source in sources for path in (PACKAGES if source == "${PACKAGE}" else {source})}


def test_whoever_runs_in_a_container_is_a_number_and_not_root() -> None:
    """Red for a name: Kubernetes refuses `runAsNonRoot` when it cannot tell."""
    assert arguments("USER") == ["10001:10001"]
    assert INSTRUCTIONS[-1].startswith("USER")


def test_a_build_sees_what_is_copied_and_nothing_else() -> None:
    """Red when .dockerignore lets in a directory that no image needs: the checkout's state has passwords in it."""
    everything, *rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert everything == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    wanted = {path if path.startswith("docs/") else path.split("/")[0] for path in copied()}
    assert let_in == wanted
    assert {"shared/testing", "**/__pycache__"} <= set(rules)


def test_an_image_has_one_package_besides_what_is_shared() -> None:
    """Red when another service's package is copied, too."""
    assert {path for path in copied() if path in PACKAGES} == PACKAGES
    assert [each for each in arguments("COPY") if "${PACKAGE}" in each] == ["${PACKAGE} ${PACKAGE}"]
    assert not [each for each in arguments("COPY") if each.startswith(("apps", ". "))]


def test_what_is_installed_is_what_the_lock_says() -> None:
    """Red for an installation without hashes."""
    installations = re.findall(r"pip install[^&]*", " ".join(arguments("RUN")))
    assert len(installations) == 2
    assert all("--require-hashes" in each for each in installations)


def test_images_have_the_same_names_in_compose() -> None:
    """Red when compose.yaml builds an image that the manifests of Kubernetes know by another name."""
    built = {each["image"]: each["build"]["args"]["PACKAGE"] for each in COMPOSE.values() if "build" in each}
    assert built == {f"microcommerce-{package.rpartition('/')[2]}": package for package in PACKAGES}
