"""Stops asking a service that takes requests and does not answer them.

A refused connection costs nothing and is not counted. Requests that run into their time do: each holds a
client, a connection and memory for as long as it waits. After `FAILURES` of them with no answer in between,
clients are told at once; every `SECONDS` one request goes through to see whether the service is back.
"""

FAILURES = 5
SECONDS = 2.0


class CircuitBreaker:
    """The state of one service, by the clock of the event loop."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0

    def lets_through(self, now: float) -> bool:
        """Whether a request may be sent; when the time has come, yes to one and no to those behind it."""
        if self._failures < FAILURES:
            return True
        if now < self._closed_until:
            return False
        self._closed_until = now + SECONDS
        return True

    def answered(self) -> None:
        """The service answered, whatever it said."""
        self._failures = 0

    def timed_out(self, now: float) -> None:
        """A request ran into its time."""
        self._failures += 1
        self._closed_until = now + SECONDS
