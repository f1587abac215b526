"""PostgreSQL refuses to run as root: then it runs as somebody else, in a place that somebody else can reach.

A checkout below a directory that only root can enter (/root, `mktemp -d`) is closed to other users, so both
the data and hard links to PostgreSQL's programs go below /var/lib, named after the checkout.
"""

import hashlib
import os
import pwd
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
    checkout = hashlib.sha256(str(instance.root).encode()).hexdigest()[:16]
    return REACHABLE / checkout / str(instance.offset)


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
