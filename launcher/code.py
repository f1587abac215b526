"""Which code a running service was started with, so that `up` after a change restarts what runs old code."""

import hashlib
from pathlib import Path

from launcher.instance import Instance
from launcher.system import Service

KINDS = {".py", ".lua", ".html", ".toml"}
EVERYBODYS = ("shared", "requirements")


def has_changed(owner: Service, instance: Instance) -> bool:
    """Whether the service was started with other code than there is now, or nobody knows with which."""
    stamp = _stamp(owner, instance)
    return not stamp.exists() or stamp.read_text() != _fingerprint(owner, instance.root)


def note(owner: Service, instance: Instance) -> None:
    """All of the service's processes run the code that there is now."""
    _stamp(owner, instance).write_text(_fingerprint(owner, instance.root))


def _stamp(owner: Service, instance: Instance) -> Path:
    return instance.state / f"{owner.name}.code"


def _fingerprint(owner: Service, root: Path) -> str:
    digest = hashlib.sha256()
    for folder in (owner.package.replace(".", "/"), *EVERYBODYS):
        for source in sorted((root / folder).rglob("*")):
            if source.suffix in KINDS or source.name == "run.txt":
                digest.update(str(source.relative_to(root)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
