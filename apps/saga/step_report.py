"""One line for each step of a saga that ended, and for each saga that did: in which trace, and how long it took."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from apps.saga.models import STUCK, Saga, Status, stamp

logger = logging.getLogger(__name__)

ENDS = {Status.COMPLETED, Status.COMPENSATED, STUCK}  # lines of a saga's history


def say_moved(sagas: Iterable[Saga]) -> None:
    """Write the lines of `sagas` that have just been moved: what ended then has the time of that."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for saga in sagas:
        about: dict[str, object] = {"order_id": str(saga.order_id), "trace_id": saga.trace_id}
        now = stamp(saga.updated_at)
        for step in saga.steps:
            if step["finished_at"] == now:
                logger.info("saga step", extra={**about, **_fields(step)})
        if any(line["at"] == now and line["event"] in ENDS for line in saga.history):
            took = _milliseconds(saga.created_at, saga.updated_at)
            logger.info("saga ended", extra={**about, "status": saga.shown_status, "duration_ms": took})


def _fields(step: dict[str, Any]) -> dict[str, object]:
    fields = {"step": step["name"], "status": step["status"], "attempts": step["attempts"]}
    if step["started_at"]:
        began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at"))
        fields["duration_ms"] = _milliseconds(began, ended)
    return fields


def _milliseconds(began: datetime, ended: datetime) -> float:
    return round((ended - began).total_seconds() * 1000, 1)
