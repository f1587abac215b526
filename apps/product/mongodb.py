"""What MongoDB's absence means for a request: a deadline, a probe, and how it is told from a fault (then it is 503)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pymongo
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from pymongo.errors import ConnectionFailure, PyMongoError

DEADLINE = 4.0  # seconds of a request that MongoDB may take in all (docs/promises.md)
MANY_DEADLINE = 26.0  # seconds: the same for a form of the back office, which may change many products
PROBE_DEADLINE = 2.0  # seconds
DRAWING = 20.0  # seconds beside it that a picture may take to be drawn and written
WITH_PICTURE = "/picture/"  # what such a request's address ends in
mongo: Any = connection  # Django's type does not know this backend's connection


class DeadlineMiddleware:
    """Gives each request `DEADLINE` seconds of MongoDB, all its commands and retries together.

    A form of the back office and an upload get more where MongoDB answers as they come; each step of theirs has
    `DEADLINE` (`apps.product.bulk`, `set_picture`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request against the clock."""
        with pymongo.timeout(_seconds(request)):
            return self.get_response(request)


def _seconds(request: HttpRequest) -> float:
    if request.method in {"PUT", "POST"} and request.path.endswith(WITH_PICTURE):
        longest = DEADLINE + DRAWING
    elif request.method == "POST" and request.path.startswith("/admin/"):
        longest = MANY_DEADLINE
    else:
        return DEADLINE
    try:
        ready()
    except PyMongoError:  # said again, in words, by the first who asks for something
        return DEADLINE
    return max(DEADLINE, longest)


def in_time() -> AbstractContextManager[Any]:
    """`DEADLINE` from now on, for a part of a request that may take longer."""
    return pymongo.timeout(DEADLINE)


def ready() -> None:
    """Return when MongoDB answers; raises PyMongoError where it does not."""
    with pymongo.timeout(PROBE_DEADLINE):
        mongo.database.command("ping")


def cause_of(error: BaseException | None) -> PyMongoError | None:
    """The driver's own error in `error`: Django's backend wraps what its queries raise, and not what a commit does."""
    while error is not None and not isinstance(error, PyMongoError):
        error = error.__cause__
    return error


def is_away(error: Exception) -> bool:
    """Whether `error` says that MongoDB could not be reached or did not answer in time."""
    cause = cause_of(error)
    return cause is not None and (isinstance(cause, ConnectionFailure) or cause.timeout)
