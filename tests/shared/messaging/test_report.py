"""One line for each message that was handled, so that a trace shows an order's way through every service."""

import logging
from typing import Any, cast
from uuid import UUID

import pytest

from shared.contracts import ConfirmOrder
from shared.messaging import attempts
from shared.messaging.report import say_handled
from shared.telemetry import trace
from shared.testing.messages import received
from tests.shared.messaging.lab import Boom, Lab, eventually, header

pytestmark = pytest.mark.django_db(transaction=True)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of each line that says that a message was handled."""
    return [vars(record) for record in caplog.records if record.getMessage() == "message handled"]


def test_a_line_names_the_trace_the_order_the_type_and_the_time(caplog: pytest.LogCaptureFixture) -> None:
    with trace.use(trace.start()):
        trace_id = cast("trace.TraceParent", trace.current()).trace_id
        message = received(ConfirmOrder(order_id=UUID(int=7)), "m-1")
    with caplog.at_level(logging.INFO):
        say_handled([message], 0.01234)
    (line,) = lines(caplog)
    assert (line["trace_id"], line["order_id"], line["message_id"]) == (trace_id, str(UUID(int=7)), "m-1")
    assert (line["message_type"], line["duration_ms"]) == ("order.confirm.v1", 12.3)


def test_each_message_has_one_line_however_often_it_comes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Red when what was handled before, or what failed, is said to be handled."""
    monkeypatch.setattr(attempts, "BACKOFF", (0.2,) * 100)
    lab.desk.failing["late"] = Boom("not yet")
    good, late = lab.note("good", about="g"), lab.note("late", about="l")
    with caplog.at_level(logging.INFO), lab.running():
        lab.send(good, late)
        eventually(lambda: lab.effects() == ["good"])
        lab.desk.failing.clear()
        eventually(lambda: len(lab.effects()) == 2)
        lab.send(good, late, lab.note("more", about="g"))
        eventually(lambda: len(lab.effects()) == 3)
    said = lines(caplog)
    assert [line["key"] for line in said] == ["g", "l", "g"]
    assert said[0]["trace_id"] == str(header(good, "traceparent"))[3:35]
    assert all(line["duration_ms"] > 0 for line in said)
