"""Bring the databases to what the code expects, and skip it cheaply when neither has changed."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import Service


def migrate(owner: Service, instance: Instance) -> None:
    """Run the service's migrations, unless exactly these have been run on this data."""
    once(
        instance,
        f"{owner.name}.migrated",
        _fingerprint(owner, instance.root),
        lambda: run_django(owner, instance, "migrate", "--no-input"),
    )


def once(instance: Instance, name: str, fingerprint: str, action: Callable[[], None]) -> None:
    """Do `action` unless it was done with this fingerprint on the data that are there now."""
    stamp = instance.data / name
    if not stamp.exists() or stamp.read_text() != fingerprint:
        action()
        stamp.write_text(fingerprint)


def _fingerprint(owner: Service, root: Path) -> str:
    directory = root / owner.package.replace(".", "/")
    sources = [
        *directory.glob("migrations/*.py"),
        *(root / "shared").rglob("*migrations/*.py"),
        directory / "settings.py",
    ]
    digest = hashlib.sha256(version("django").encode())
    for source in sorted(path for path in sources if path.exists()):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def django_command(owner: Service, *arguments: str) -> list[str]:
    """One of Django's own commands for a service."""
    return [sys.executable, f"{owner.package.replace('.', '/')}/manage.py", *arguments]


def run_django(owner: Service, instance: Instance, *arguments: str) -> None:
    """Run it to its end; raises LauncherError with what it said when it fails."""
    done = subprocess.run(
        django_command(owner, *arguments),
        cwd=instance.root,
        env=environment(owner, instance),
        capture_output=True,
        text=True,
        check=False,
    )
    log = instance.logs / f"{owner.name}-{arguments[0]}.log"
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LauncherError(
            f"`manage {owner.name} {' '.join(arguments)}` failed:\n{tail}", f"All of it: {log}"
        )
