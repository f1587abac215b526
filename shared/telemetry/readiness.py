"""What a process needs to be ready: a table of checks that its settings name."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.cache import caches
from django.db import connection, transaction
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

Check = Callable[[], None]


def run() -> dict[str, str]:
    """Each check of `settings.READINESS` (name -> dotted path) and "ok" or what it said."""
    return {name: _outcome(name, import_string(path)) for name, path in settings.READINESS.items()}


def _outcome(name: str, check: Check) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, the answer is "not ready"
        logger.warning("%s is not ready: %s", name, error)
        return "unavailable"
    return "ok"


def database() -> None:
    """The service's own database answers."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def redis() -> None:
    """The service's Redis answers."""
    caches["default"].get("readiness")
