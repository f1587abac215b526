"""PostgreSQL refuses to run as root: then it runs as somebody else, in a place that somebody else can reach.

A checkout below a directory that only root can enter (/root, `mktemp -d`) is closed to other users, so both
the data and hard links to PostgreSQL's programs go below /var/lib, where a file of the platform's says.
"""

import hashlib
import os
import pwd
import secrets
import shutil
from pathlib import Path

from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.supervisor.specification import RunAs

REACHABLE = Path("/var/lib/microcommerce")


def unprivileged() -> RunAs | None:
    """Whom to run PostgreSQL as: nobody when we are root, ourselves (None) otherwise."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LauncherError(
            "PostgreSQL cannot run as root, and there is no user `nobody` to run it as.",
            "Run manage_all.py as an ordinary user.",
        ) from None
    return RunAs(nobody.pw_uid, nobody.pw_gid)


def reachable_directory(instance: Instance) -> Path:
    """Where PostgreSQL's own files lie for this platform when we are root."""
    return REACHABLE / (_chosen(instance) or _named_after_checkout(instance))


def settle_directory(instance: Instance) -> None:
    """Choose that directory once and for all.

    Its name is a new one: a checkout that was deleted and made again at the same path must not find its
    predecessor's database beside stores that are empty. Who ran before names were chosen keeps the old one.
    """
    if not _chosen(instance):
        has_run = any(instance.data.glob("*.migrated"))
        place = _place(instance)
        unfinished = place.with_suffix(".unfinished")
        unfinished.write_text(_named_after_checkout(instance) if has_run else secrets.token_hex(8))
        unfinished.rename(place)


def _chosen(instance: Instance) -> str:
    """The name that was chosen; empty where none was, or where the power went while it was written."""
    place = _place(instance)
    return place.read_text() if place.exists() else ""


def _place(instance: Instance) -> Path:
    return instance.state / "postgres.place"


def _named_after_checkout(instance: Instance) -> str:
    checkout = hashlib.sha256(str(instance.root).encode()).hexdigest()[:16]
    return f"{checkout}/{instance.offset}"


def link_tree(source: Path, target: Path) -> None:
    """`source` again at `target`, as hard links where the file system allows and as copies elsewhere."""
    if not target.exists():
        unfinished = target.with_name(target.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source, unfinished, copy_function=_link, symlinks=True)
        unfinished.rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
