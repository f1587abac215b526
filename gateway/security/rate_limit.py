"""How many requests one caller may send: token buckets in Redis, shared by every gateway process.

Asking Redis for each request would cost more than the request. A process takes tokens from the shared bucket
in blocks and hands them out from memory: the sum that is let through is still what the bucket allows, and a
caller may at worst be held back early by the blocks that other processes have not used up. A small bucket
has blocks of one, so it is exact. Without Redis each process limits by itself, and says so in the log.
"""

import asyncio
import logging
import math
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.errors import TooManyRequests
from gateway.security.header_filter import Header

logger = logging.getLogger(__name__)

BLOCKS = 20  # a bucket is handed out in so many blocks
REMEMBERED = 50_000  # callers; the ones seen first are forgotten and ask Redis again
AWAY_SECONDS = 1.0  # so long Redis is not asked again after it failed
WORDS = {
    "address": "from this address",
    "user": "from this user",
    "sign-in": "for sign-in from this address",
}

# A bucket refills steadily; what is not there is never lent. Returns tokens granted, tokens left, ms until the next.
TAKE = """
local capacity, window, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or capacity
local passed = math.max(0, now - (tonumber(bucket[2]) or now))
tokens = math.min(capacity, tokens + passed * capacity / window)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], window)
return {granted, math.floor(tokens), math.ceil(math.max(0, 1 - tokens) * window / capacity)}
"""


@dataclass(slots=True)
class _Lease:
    """Tokens that this process may hand out until `until` (loop time); none before `blocked`."""

    tokens: float
    shared: int
    until: float
    blocked: float = 0.0
    renewal: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Allowance:
    """What a caller has left; its headers are written only when an answer begins."""

    limiter: "RateLimiter"
    left: int

    def headers(self) -> list[Header]:
        """The RateLimit headers."""
        return self.limiter.headers(self.left)


class RateLimiter:
    """Hands out `requests` in `seconds` to each caller of one kind (a name of `WORDS`)."""

    def __init__(self, redis: Redis, kind: str, requests: int, seconds: int) -> None:
        self._take = redis.register_script(TAKE)
        self._kind = kind
        self._requests = requests
        self._seconds = seconds
        self._block = max(1, requests // BLOCKS)
        self._leases: dict[str, _Lease] = {}
        self._away_until = 0.0
        self._form = b'"' + kind.encode() + b'";r=%d;t=%d'
        self._policy = (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (kind.encode(), requests, seconds))

    async def admit(self, caller: str) -> "Allowance":
        """Count one request of `caller`. Raises TooManyRequests."""
        loop = asyncio.get_running_loop()
        now, lease = loop.time(), self._leases.get(caller)
        # More than a block may have waited for the same answer: who found it used up asks for the next one.
        while lease is None or lease.until < now or (lease.tokens < 1 and lease.blocked <= now):
            lease = await self._renewed(caller, now)
            now = loop.time()
        if lease.tokens < 1:
            raise self._too_many(max(lease.blocked - now, 0))
        lease.tokens -= 1
        return Allowance(self, lease.shared + int(lease.tokens))

    async def _renewed(self, caller: str, now: float) -> _Lease:
        lease = self._leases.get(caller)
        if lease is None:
            lease = self._leases[caller] = _Lease(0, 0, now)
            if len(self._leases) > REMEMBERED:
                del self._leases[next(iter(self._leases))]
        if lease.renewal is None:  # the requests that come meanwhile wait for the same answer
            lease.renewal = asyncio.ensure_future(self._renew(caller, lease))
        await asyncio.shield(lease.renewal)
        return lease

    async def _renew(self, caller: str, lease: _Lease) -> None:
        now = asyncio.get_running_loop().time()
        try:
            if now < self._away_until:
                self._refill(lease, now)
            else:
                await self._ask(caller, lease, now)
        except (RedisError, OSError) as error:
            logger.warning("Redis is away, this process limits by itself: %s", error)
            self._away_until = now + AWAY_SECONDS
            self._refill(lease, now)
        finally:
            lease.renewal = None

    async def _ask(self, caller: str, lease: _Lease, now: float) -> None:
        key = f"gateway:limit:{self._kind}:{caller}"
        granted, shared, wait = await self._take(
            keys=[key], args=[self._requests, self._seconds * 1000, self._block]
        )
        lease.tokens, lease.shared, lease.blocked = granted, shared, now + wait / 1000
        lease.until = now + self._seconds  # by then the bucket would have filled up without them

    def _refill(self, lease: _Lease, now: float) -> None:
        passed = self._seconds - max(0.0, lease.until - now)
        gained = passed * self._requests / self._seconds
        lease.tokens, lease.shared = min(self._requests, lease.tokens + gained), 0
        lease.until = now + self._seconds
        lease.blocked = now + self._seconds / self._requests

    def headers(self, left: int, wait: int | None = None) -> list[Header]:
        """The RateLimit headers (draft-ietf-httpapi-ratelimit-headers) for `left` requests."""
        if wait is None:
            wait = math.ceil((self._requests - left) * self._seconds / self._requests)
        return [self._policy, (b"ratelimit", self._form % (left, wait))]

    def _too_many(self, wait: float) -> TooManyRequests:
        seconds = max(1, math.ceil(wait))
        return TooManyRequests(
            f"More than {self._requests:,} requests in {self._seconds} s {WORDS[self._kind]}. "
            f"Wait {seconds} s; the RateLimit headers say what is left.",
            ((b"retry-after", b"%d" % seconds), *self.headers(0, seconds)),
        )


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits that a request may count against."""

    address: RateLimiter
    user: RateLimiter
    sign_in: RateLimiter
