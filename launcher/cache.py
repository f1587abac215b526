"""What several checkouts of one user share: downloads, and Keycloak made ready to start."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_directory() -> Path:
    """This user's cache for Microcommerce (XDG_CACHE_HOME, else ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME")
    directory = (Path(base) if base else Path.home() / ".cache") / "microcommerce"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Be the only process of this user, for a while, that changes the part of the cache called `name`."""
    with (cache_directory() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
