"""What MongoDB's absence means for a request: a deadline, a probe, and how it is told from a fault (then it is 503)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pymongo
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from pymongo.errors import ConnectionFailure, PyMongoError

DEADLINE = 4.0  # seconds of a request that MongoDB may take in all (docs/reliability.md, FL-4)
PROBE_DEADLINE = 2.0  # seconds
DRAWING = 20.0  # seconds beside it that a picture may take to be drawn and written
WITH_PICTURE = "/picture/"  # what such a request's address ends in
mongo: Any = connection  # Django's type does not know this backend's connection


class DeadlineMiddleware:
    """Gives each request `DEADLINE` seconds of MongoDB, all its commands and retries together."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request against the clock."""
        drawing = DRAWING if request.path.endswith(WITH_PICTURE) else 0
        with pymongo.timeout(DEADLINE + drawing):
            return self.get_response(request)


def in_time() -> AbstractContextManager[Any]:
    """`DEADLINE` from now on, for a part of a request that may take longer."""
    return pymongo.timeout(DEADLINE)


def ready() -> None:
    """MongoDB answers."""
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
