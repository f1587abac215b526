"""What all peers need: programs that are there or fetched once into the cache, and processes under our supervisor."""

import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from launcher import platform
from launcher.cache import cache_directory, locked
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.supervisor.control import ask
from launcher.supervisor.specification import Specification
from launcher.up import forget

START_SECONDS = 120.0
Say = Callable[[str], None]


def require(whom: str, program: str, package: str) -> str:
    """The path of `program`. Raises LauncherError with the Debian package that has it."""
    # Debian has servers where only root's PATH leads.
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise LauncherError(
            f"{whom} needs {program}, which is not there.", f"On Debian: sudo apt install {package}"
        )
    return found


@contextmanager
def place(name: str, offset: int) -> Iterator[Instance]:
    """A place of its own with a supervisor that ends with this process; gone at the end. Raises LauncherError."""
    instance = Instance(offset, root=cache_directory() / name)
    forget(instance)  # a run that was killed could not clean up
    instance.make_directories()
    try:
        platform.ensure_supervisor(instance, tied=True)
        yield instance
    finally:
        forget(instance)


def start(instance: Instance, *specifications: Specification) -> None:
    """Start these and wait until they are ready. Raises LauncherError with the end of a log."""
    platform.start(instance, specifications)
    until = time.monotonic() + START_SECONDS
    while waiting := [each for each in processes(instance) if each["state"] != "running"]:
        name = waiting[0]["name"]
        if waiting[0]["restarts"] or time.monotonic() > until:
            log = platform.last_lines(instance.logs / f"{name}.log", 15)
            raise LauncherError(f"{name} does not become ready. The end of its log:\n{log}")
        time.sleep(0.1)


def processes(instance: Instance) -> list[dict[str, Any]]:
    """What its supervisor knows of each."""
    found: list[dict[str, Any]] = ask(instance.state, {"do": "status"})["processes"]
    return found


def pids(instance: Instance) -> list[int]:
    """Of everything that runs there."""
    return [each["pid"] for each in processes(instance) if each["pid"]]


def from_pypi(whom: str, requirements: Path, say: Say) -> Path:
    """The `bin` of a virtual environment in the cache with these requirements, made once. Raises LauncherError."""
    target = _target(whom, requirements)
    with locked(whom):
        if not target.exists():
            say(f"{whom}: pip install (once)")
            unfinished = _unfinished(target)
            venv.create(unfinished, with_pip=True)
            python = str(unfinished / "bin" / "python")
            _fetch(whom, [python, "-m", "pip", "install", "-q", "-r", str(requirements)], unfinished)
            unfinished.rename(target)
    return target / "bin"


def from_npm(whom: str, package: Path, say: Say) -> Path:
    """A folder in the cache with what that package.json names, installed once. Raises LauncherError."""
    target = _target(whom, package)
    with locked(whom):
        if not target.exists():
            say(f"{whom}: npm install (once)")
            unfinished = _unfinished(target)
            shutil.copy(package, unfinished)
            # Without the first option npm adds what the libraries could be used with: other databases, other servers.
            options = ["--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"]
            _fetch(whom, ["npm", "install", *options], unfinished)
            unfinished.rename(target)
    return target


def _target(whom: str, wanted: Path) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache_directory() / f"{whom}-{sha256(wanted.read_bytes() + version.encode()).hexdigest()[:12]}"


def _unfinished(target: Path) -> Path:
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    return unfinished


def _fetch(whom: str, command: Sequence[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(
            f"{whom} could not be installed:\n{done.stdout}{done.stderr}",
            "Check the network and the configuration of pip and npm, then run the same command again.",
        )
