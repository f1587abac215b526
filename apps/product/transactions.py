"""MongoDB transactions that are tried again when they conflict: neither Django nor its backend does that.

Source of the rules: MongoDB driver specification, "Convenient API for transactions": a transaction whose
error is labelled TransientTransactionError is done again from its start; a commit whose error is labelled
UnknownTransactionCommitResult is committed again, which is safe.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, IntegrityError
from django_mongodb_backend.transaction import atomic
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from apps.product.errors import Contended
from apps.product.mongodb import cause_of, is_away, mongo

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = Counter("transaction_retries_total", "Transactions done again after a write conflict")

WAIT_SECONDS = 3.0  # seconds in which a transaction waits for its turn and is begun again
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1  # seconds
COMMITS = 3
# All writes of the catalogue conflict (models.Revision), so the threads of one process wait for their turn
# instead; retries are for the other processes.
TURN = threading.Lock()
AGAIN = "TransientTransactionError"
UNKNOWN = "UnknownTransactionCommitResult"


def in_transaction(operation: Callable[P, R]) -> Callable[P, R]:
    """Run `operation` in a transaction of its own, again from its start after a conflict with another one.

    So `operation` reads everything anew and leaves nothing behind outside the database. Called inside a
    transaction it joins that one. Raises Contended when it found no gap between the others.
    """

    @wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if mongo.in_atomic_block_mongo:
            return operation(*args, **kwargs)
        give_up_at = time.monotonic() + WAIT_SECONDS
        if not TURN.acquire(timeout=WAIT_SECONDS):
            raise Contended
        try:
            return _until_it_fits(lambda: operation(*args, **kwargs), give_up_at)
        finally:
            TURN.release()

    return run


def _until_it_fits(operation: Callable[[], R], give_up_at: float) -> R:
    for attempt in itertools.count():
        try:
            return _once(operation)
        except (DatabaseError, PyMongoError) as error:
            is_late = time.monotonic() > give_up_at
            if not _is_worth_another_try(error) or (is_late and is_away(error)):
                raise
            if is_late:
                raise Contended from error
        RETRIES.inc()
        _pause(attempt)
    raise AssertionError("unreachable")  # pragma: no cover


def _once(operation: Callable[[], R]) -> R:
    mongo.ensure_connection()
    try:
        with atomic():
            result = operation()
    except PyMongoError as error:
        if not error.has_error_label(UNKNOWN):
            raise
        _commit_again()
    finally:
        _leave()
    return result


def _commit_again() -> None:
    for left in range(COMMITS, 0, -1):
        try:
            mongo.session.commit_transaction()
        except PyMongoError as error:
            if left == 1 or not error.has_error_label(UNKNOWN):
                raise
        else:
            mongo.run_and_clear_commit_hooks()
            return


def _leave() -> None:
    # The backend keeps the session of a commit that failed, and the next atomic() would write outside of any
    # transaction.
    if mongo.session is not None:
        mongo.session.end_session()
        mongo.session = None
        mongo.run_on_commit = []


def _is_worth_another_try(error: Exception) -> bool:
    # A doubled slug came from a transaction that committed meanwhile: the next try sees it and says so.
    cause = cause_of(error)
    return isinstance(error, IntegrityError) or (cause is not None and cause.has_error_label(AGAIN))


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 10)))  # noqa: S311 - no secret
