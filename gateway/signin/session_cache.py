"""Which sessions were looked up a moment ago: one memory for the hot path and Django's views of a process."""

import time

SECONDS = 1.0  # so long another process may go on believing in a session that has ended
REMEMBERED = 10_000


class SessionCache:
    """Access tokens by session key, for a second; None where nobody is signed in. Safe to use from threads."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, str | None]] = {}

    def knows(self, key: str) -> bool:
        """Whether `get` has an answer for this session."""
        found = self._found.get(key)
        return found is not None and time.monotonic() < found[0]

    def get(self, key: str) -> str | None:
        """The access token that was found."""
        return self._found[key][1]

    def put(self, key: str, access: str | None, seconds: float = SECONDS) -> None:
        """This was found just now, and is believed for so long."""
        self._found[key] = (time.monotonic() + seconds, access)
        while len(self._found) > REMEMBERED:
            self._found.pop(next(iter(self._found)), None)

    def forget(self, key: str) -> None:
        """The session changed or ended."""
        self._found.pop(key, None)


recent = SessionCache()
