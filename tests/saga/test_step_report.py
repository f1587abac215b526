"""One line for each step of a saga, in the trace of its order, with the time that the step took."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction

from apps.saga import handlers, orchestrator, step_report
from apps.saga.models import Saga
from shared import contracts as c
from shared.contracts.message import AboutOrder
from shared.telemetry import trace
from shared.testing.messages import received
from tests.saga.test_orchestrator import submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test calls the orchestrator as the worker would."""
    monkeypatch.setattr(handlers, "wake", lambda *_: None)


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lines for programs: the test reads them."""
    monkeypatch.setattr(
        settings, "ENVIRONMENT", settings.ENVIRONMENT.model_copy(update={"log_format": "json"})
    )
    step_report._writer.cache_clear()
    yield
    step_report._writer.cache_clear()


def lines(written: str) -> dict[str, list[dict[str, Any]]]:
    """The lines of a standard error, by their event."""
    found = defaultdict(list)
    for line in written.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            found[said["event"]].append(said)
    return found


def confirmed(order_id: Any) -> c.OrderConfirmed:
    """What the order service says in the end."""
    item = c.OrderedItem(product_id="a" * 24, quantity=2)
    return c.OrderConfirmed(
        order_id=order_id, customer_id="alice", items=(item,), total=Decimal(2), currency="EUR"
    )


def test_every_step_of_an_order_is_one_line_in_its_trace(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Red when a step is said twice, or a late event says again that the saga ended."""
    order_id = uuid4()
    with caplog.at_level(logging.INFO), trace.use(trace.start()):
        submit(order_id)
        orchestrator.advance([order_id])
        events: list[AboutOrder] = [
            c.StockReserved(order_id=order_id),
            c.StockCommitted(order_id=order_id),
            confirmed(order_id),
            c.StockCommitted(order_id=order_id),
        ]
        for event in events:
            with transaction.atomic():
                handlers.move_later([received(event)])
            orchestrator.advance([order_id])
    saga = Saga.objects.get()
    assert saga.status == "completed"
    said = lines(capfd.readouterr().err)
    steps, ended = said["saga step"], said["saga ended"]
    assert [(line["step"], line["status"]) for line in steps] == [
        (step["name"], "done") for step in saga.steps
    ]
    assert [line["status"] for line in ended] == ["completed"]
    for line in [*steps, *ended]:
        assert (line["order_id"], line["trace_id"]) == (str(order_id), saga.trace_id)
        assert line["duration_ms"] >= 0


def test_a_saga_that_turns_back_says_so(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    order_id = uuid4()
    with caplog.at_level(logging.INFO):
        submit(order_id)
        orchestrator.advance([order_id])
        with transaction.atomic():
            handlers.move_later([received(c.StockRejected(order_id=order_id, reason="unknown"))])
        orchestrator.advance([order_id])
    said = [(line["step"], line["status"]) for line in lines(capfd.readouterr().err)["saga step"]]
    assert ("reserve-stock", "refused") in said
