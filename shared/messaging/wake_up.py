"""How a commit wakes the relay of its own process: no statement goes to PostgreSQL, and none of its processes wakes."""

import os
import weakref
from contextlib import suppress

_active: "WakeUp | None" = None


class WakeUp:
    """What a relay waits for besides its store, as a descriptor for `select`. Safe from any thread and signal handler."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    def fileno(self) -> int:
        """Readable from `set` to `clear`."""
        return self._descriptor

    def set(self) -> None:
        """Wake whoever waits; however often this is said, it is one wake-up."""
        os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Forget what was said so far: to be called before a look that finds whatever was committed until now."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._descriptor)


def activate(relay: WakeUp) -> None:
    """This process has the active relay from now on."""
    global _active  # noqa: PLW0603 - one active relay at most, like the lock that it holds
    _active = relay


def deactivate(relay: WakeUp) -> None:
    """It may be another process's from now on."""
    global _active  # noqa: PLW0603
    if _active is relay:
        _active = None


def wake_here() -> bool:
    """Wake the active relay where it is in this process; returns whether it is.

    A relay that has just lost its lock, and does not know it yet, looks, learns it and gives way: what was committed is
    found by the next one's first look.
    """
    relay = _active
    if relay is not None:
        relay.set()
    return relay is not None
