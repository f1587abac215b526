"""How many connections there may be at once: of all clients together, and from one address."""

from collections import Counter
from functools import cache

from django.conf import settings

from gateway.errors import Overloaded, TooManyConnections

MOST_EXPLAINED = 256


class ConnectionLimits:
    """Counts what is open: at most `total`, and at most `per_address` from one network (`gateway.security.client_network`)."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._open: Counter[str] = Counter()
        self.count = 0

    def enter(self, network: str) -> None:
        """One more from `network`. Raises Overloaded or TooManyConnections."""
        if self._open[network] >= self._per_address:
            raise TooManyConnections
        if self.count >= self._total:
            raise Overloaded
        self._open[network] += 1
        self.count += 1

    def leave(self, network: str) -> None:
        """One connection of `network` has ended."""
        self.count -= 1
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]


@cache
def client_connections() -> ConnectionLimits:
    """The limits of this process's client connections.

    Behind proxies of our own every connection comes from one of them, which must limit its clients by itself.
    """
    env = settings.ENVIRONMENT
    per_address = env.max_connections if env.trusted_proxies else env.max_connections_per_address
    return ConnectionLimits(env.max_connections, per_address)


@cache
def refused_connections() -> ConnectionLimits:
    """The limits of those that are over the limits, and are told so: what is beyond is closed without a word."""
    return ConnectionLimits(MOST_EXPLAINED, MOST_EXPLAINED)
