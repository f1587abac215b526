"""Numbers for the first page of the back office, `/admin/`: what needs doing today, said by the service that knows.

A service names its figures in its `admin.py`:

    @figures.figure("to-ship")
    def to_ship() -> Figure:
        return counted(Order.objects.filter(status=Status.CONFIRMED), since="created_at")

They are read at `/admin/<service>/figures/`, by managers, and must cost little however many rows there are.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

MOST = 1_000  # counted; beyond it nobody asks how many exactly
SECONDS_KEPT = 5  # an open page asks every half a minute
KEPT_AS = "admin-figures"
CACHE_AWAY = (ConnectionInterrupted, RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Figure:
    """So many, or more than that; since when the oldest of them has waited, where that matters."""

    count: int
    is_more: bool = False
    oldest_at: datetime | None = None


_figures: dict[str, Callable[[], Figure]] = {}


def figure(name: str) -> Callable[[Callable[[], Figure]], Callable[[], Figure]]:
    """Make what is decorated the figure `name` of this service."""

    def remember(find: Callable[[], Figure]) -> Callable[[], Figure]:
        _figures[name] = find
        return find

    return remember


def counted(rows: QuerySet[Any], since: str | None = None, by: str = "") -> Figure:
    """How many rows there are, `MOST` at most; the oldest is the one whose field `since` is the earliest.

    Where the rows are indexed `by` another field that grows with time, the first by that one is the oldest.
    """
    found = rows.order_by()[: MOST + 1].count()
    oldest = rows.order_by(by or since).values_list(since, flat=True).first() if since and found else None
    return Figure(min(found, MOST), found > MOST, oldest)


def of_this_service() -> dict[str, dict[str, Any]]:
    """Every figure by its name, as JSON has it, at most `SECONDS_KEPT` old: many open pages cost what one does.

    A cache that is away costs the queries, not the answer.
    """
    if (kept := _kept()) is not None:
        return kept
    found = {name: asdict(find()) for name, find in _figures.items()}
    if SECONDS_KEPT:
        with suppress(*CACHE_AWAY):
            cache.set(KEPT_AS, found, SECONDS_KEPT)
    return found


def _kept() -> dict[str, dict[str, Any]] | None:
    if not SECONDS_KEPT:
        return None
    try:
        found: dict[str, dict[str, Any]] | None = cache.get(KEPT_AS)
    except CACHE_AWAY:
        return None
    return found
