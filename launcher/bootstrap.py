"""Before anything is installed: make the virtual environment, fill it from the lock, go on inside it.

Standard library only, and nothing from the rest of the launcher that needs more.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from launcher.errors import LauncherError
from launcher.instance import ROOT
from launcher.package_index import environment_for_uv

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "microcommerce-installed.json"
REQUIREMENTS = ROOT / "requirements"
NEEDED_BYTES = 3 * 1024**3
NO_NETWORK = (
    "Check the network and pip's configuration (`python3 -m pip config list`; an index, a proxy and a "
    "certificate set there are used here too), then run the same command again: it goes on where it stopped."
)


def enter(arguments: Sequence[str]) -> None:
    """Return inside the virtual environment, with everything installed that these arguments need."""
    try:
        with _alone():
            _ensure(_lock_for(arguments))
    except LauncherError as error:
        sys.exit(f"\n{error}")
    except OSError as error:
        sys.exit(f"\n{VENV} could not be made: {error}\nIs the disk full, or the checkout read-only?")
    if Path(sys.prefix) != VENV:
        os.execv(PYTHON, [str(PYTHON), *sys.argv])


def _lock_for(arguments: Sequence[str]) -> str:
    """Tests need more than the platform does, and so does what measures or reads manifests."""
    return "test" if {"test", "k8s", "bench"} & set(arguments[:1]) else "run"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One installation at a time, however many commands are begun at once."""
    state = ROOT / ".microcommerce"
    state.mkdir(exist_ok=True)
    with (state / "bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another command installs into the same checkout: waiting until it has ended …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(lock: str) -> None:
    if _installed().get(lock) == _digest(lock) and _works():
        return
    began = time.monotonic()
    _say(
        f"Installing what Microcommerce needs into {VENV} (once for each version of requirements/{lock}.txt) …"
    )
    if not _works():
        _make_venv()
    _install(lock)
    # The test lock holds everything of the run lock, at the same versions (tests/launcher/test_requirements.py).
    done = {name: _digest(name) for name in {"run", lock}}
    STAMP.write_text(json.dumps(done))
    _say(f"Installed in {time.monotonic() - began:.0f} s.")


def _installed() -> dict[str, str]:
    if not STAMP.exists():
        return {}
    found: dict[str, str] = json.loads(STAMP.read_text())
    return found


def _digest(lock: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{lock}.txt").read_bytes()).hexdigest()


def _works() -> bool:
    """Whether the virtual environment is there and was made for this place: it does not survive a move."""
    return PYTHON.exists() and (Path(sys.prefix) == VENV or _runs([PYTHON, "-c", "import pip"]))


def _runs(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _make_venv() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise LauncherError(
            f"There are {free / 1024**3:.1f} GiB free below {ROOT}; Microcommerce needs {NEEDED_BYTES / 1024**3:.0f}.",
            "Make room, or clone it to another disk.",
        )
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise LauncherError(
            f"{sys.executable} cannot make a virtual environment:\n{done.stdout}{done.stderr}".strip(),
            f"On Debian and Ubuntu: sudo apt install python{version}-venv",
        )


def _install(lock: str) -> None:
    requirements = REQUIREMENTS / f"{lock}.txt"
    hashed: list[str | Path] = ["install", "--require-hashes", "--requirement"]
    uv = VENV / "bin" / "uv"
    if _run([PYTHON, "-m", "pip", *hashed, REQUIREMENTS / "uv.txt", "--quiet"], must=False):
        environment = environment_for_uv(str(PYTHON))
        target: list[str | Path] = ["--python", PYTHON, "--compile-bytecode"]
        if _run([uv, "pip", *hashed, requirements, *target], environment, must=False):
            return
        _say("uv could not install it; trying pip, which is slower …")
    _run([PYTHON, "-m", "pip", *hashed, requirements])


def _run(
    command: Sequence[str | Path], environment: dict[str, str] | None = None, *, must: bool = True
) -> bool:
    try:
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        failed, said = done.returncode != 0, done.stderr
    except FileNotFoundError as error:
        failed, said = True, f"{error}\n"
    if failed:
        sys.stderr.write(said)
        if must:
            raise LauncherError(f"`{' '.join(map(str, command))}` failed.", NO_NETWORK)
    return not failed


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
