"""Container images, built by whichever of docker, podman and buildah there is."""

import os
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

from launcher.errors import LauncherError
from launcher.instance import ROOT
from launcher.system import SERVICES

DOCKERFILE = ROOT / "infrastructure" / "Dockerfile"
# Names of images without a tag -> what is in them, besides what is shared.
PACKAGES = {
    **{f"microcommerce-{each.name}": each.package.replace(".", "/") for each in SERVICES},
    "microcommerce-launcher": "launcher",  # makes Kafka's topics, and MongoDB's replica set
}


@dataclass(frozen=True)
class Image:
    """How one image is built."""

    name: str  # in full: registry, repository and tag
    dockerfile: Path = DOCKERFILE
    context: Path = ROOT
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)


def full_name(name: str) -> str:
    """The name of an image as a container runtime understands it: `postgres:18` is Docker Hub's."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def without_tag(name: str) -> str:
    """`microcommerce-order` of `docker.io/library/microcommerce-order:0.1.0`: what it is called by itself."""
    return name.partition("@")[0].rpartition("/")[2].partition(":")[0]


def of_services(names: Iterable[str]) -> list[Image]:
    """Our own images among these names, as manifests have them."""
    arguments = {"VERSION": version(), "REVISION": _git("rev-parse", "HEAD")}
    return [
        Image(full_name(name), arguments={**arguments, "PACKAGE": PACKAGES[without_tag(name)]})
        for name in sorted(set(names))
        if without_tag(name) in PACKAGES
    ]


def version() -> str:
    """The platform's own, which is the tag that the manifests name."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def builder() -> str:
    """The program that builds images here. Raises LauncherError where there is none."""
    for program in ("podman", "buildah"):
        if which(program):
            return program
    if (
        which("docker")
        and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    ):
        return "docker"
    raise LauncherError(
        "No program that builds images is here.",
        "Install podman (`apt-get install podman`), buildah, or Docker with its daemon running.",
    )


def command(program: str, image: Image, when: int) -> list[str]:
    """The command line that builds an image whose files, and which itself, were made at `when` (Unix time)."""
    created = datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")
    arguments = {**image.arguments, "SOURCE_DATE_EPOCH": str(when)}
    return [
        program,
        "build",
        "--network=host",  # the machine's own way to PyPI: a company's proxy, a test cluster without networks
        *((f"--timestamp={when}",) if program != "docker" else ()),
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
        f"--label=org.opencontainers.image.created={created}",
        *((f"--target={image.target}",) if image.target else ()),
        f"--tag={image.name}",
        f"--file={image.dockerfile}",
        str(image.context),
    ]


def build(image: Image, environment: Mapping[str, str] | None = None) -> None:
    """Build it; what has not changed comes out of the builder's cache. Raises LauncherError with its last lines."""
    done = subprocess.run(
        command(builder(), image, int(_git("log", "-1", "--format=%ct"))),
        env=dict(environment or os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join([*done.stdout.splitlines(), *done.stderr.splitlines()][-20:])
        raise LauncherError(f"The image {image.name} could not be built:\n{last}", "")


def _git(*arguments: str) -> str:
    """What git says of this checkout; where none is (an archive of the source), nothing is known."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    unknown = "0" if arguments[0] == "log" else "unknown"
    return done.stdout.strip() if done.returncode == 0 else unknown
