"""One line for each step of a saga, in the trace of its order, with the time that the step took."""

import logging
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from apps.saga import handlers, orchestrator
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


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[dict[str, Any]]:
    """The fields of each such line."""
    return [vars(record) for record in caplog.records if record.getMessage() == text]


def confirmed(order_id: Any) -> c.OrderConfirmed:
    """What the order service says in the end."""
    item = c.OrderedItem(product_id="a" * 24, quantity=2)
    return c.OrderConfirmed(
        order_id=order_id, customer_id="alice", items=(item,), total=Decimal(2), currency="EUR"
    )


def test_every_step_of_an_order_is_one_line_in_its_trace(caplog: pytest.LogCaptureFixture) -> None:
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
    steps = lines(caplog, "saga step")
    assert [(line["step"], line["status"]) for line in steps] == [
        (step["name"], "done") for step in saga.steps
    ]
    ended = lines(caplog, "saga ended")
    assert [line["status"] for line in ended] == ["completed"]
    for line in [*steps, *ended]:
        assert (line["order_id"], line["trace_id"]) == (str(order_id), saga.trace_id)
        assert line["duration_ms"] >= 0


def test_a_saga_that_turns_back_says_so(caplog: pytest.LogCaptureFixture) -> None:
    order_id = uuid4()
    with caplog.at_level(logging.INFO):
        submit(order_id)
        orchestrator.advance([order_id])
        with transaction.atomic():
            handlers.move_later([received(c.StockRejected(order_id=order_id, reason="unknown"))])
        orchestrator.advance([order_id])
    said = [(line["step"], line["status"]) for line in lines(caplog, "saga step")]
    assert ("reserve-stock", "refused") in said
