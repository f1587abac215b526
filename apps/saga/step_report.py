"""One line for each step of a saga that ended, and for each saga that did: in which trace, and how long it took."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings

from apps.saga.models import STUCK, Saga, Status, stamp
from shared.telemetry import access

logger = logging.getLogger(__name__)

ENDS = {Status.COMPLETED, Status.COMPENSATED, STUCK}  # lines of a saga's history


def say_moved(sagas: Iterable[Saga]) -> None:
    """Write the lines of `sagas` that have just been moved: what ended then has the time of that."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for saga in sagas:
        about: access.Fields = {"order_id": str(saga.order_id), "trace_id": saga.trace_id}
        now = stamp(saga.updated_at)
        for step in saga.steps:
            if step["finished_at"] == now:
                _writer("saga step")({**about, **_fields(step)})
        if any(line["at"] == now and line["event"] in ENDS for line in saga.history):
            took = _milliseconds(saga.created_at, saga.updated_at)
            _writer("saga ended")({**about, "status": saga.shown_status, "duration_ms": took})


@cache
def _writer(event: str) -> Callable[[access.Fields], None]:
    as_json = settings.ENVIRONMENT.log_format == "json"
    return access.writer(settings.SERVICE_NAME, as_json=as_json, event=event, logger=__name__)


def _fields(step: dict[str, Any]) -> access.Fields:
    fields: access.Fields = {"step": step["name"], "status": step["status"], "attempts": step["attempts"]}
    if step["started_at"]:
        began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at"))
        fields["duration_ms"] = _milliseconds(began, ended)
    return fields


def _milliseconds(began: datetime, ended: datetime) -> float:
    return round((ended - began).total_seconds() * 1000, 1)
