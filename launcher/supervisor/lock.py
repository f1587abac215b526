"""One supervisor for each directory: whoever holds the lock is it, and a killed one holds nothing."""

import fcntl
import os
from pathlib import Path

_held: list[int] = []


def claim(directory: Path) -> None:
    """Become the supervisor of `directory` until this process and its children end; raises BlockingIOError."""
    descriptor = os.open(directory / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held.append(descriptor)


def is_claimed(directory: Path) -> bool:
    """Whether a supervisor, or the guardian that cleans up behind one, is alive."""
    try:
        descriptor = os.open(directory / "supervisor.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
