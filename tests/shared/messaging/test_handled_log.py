"""One line for each message that was handled, so that a trace shows an order's way through every service."""

import json
from typing import Any, cast
from uuid import UUID

import pytest

from shared.contracts import ConfirmOrder
from shared.messaging import delivery, handled_log
from shared.telemetry import access, trace
from shared.testing.messages import received
from tests.shared.messaging.lab import Boom, Lab, eventually, header

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def for_programs(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Lines as production has them, whatever the level of the tests."""
    write = access.writer("lab", as_json=True, event="message handled", logger=handled_log.__name__)
    monkeypatch.setattr(handled_log, "_writer", lambda: write)
    caplog.set_level("INFO", handled_log.__name__)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The fields of each line that says that a message was handled."""
    written = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [line for line in written if line["event"] == "message handled"]


def test_a_line_names_the_trace_the_order_the_type_and_the_time(capfd: pytest.CaptureFixture[str]) -> None:
    with trace.use(trace.start()):
        trace_id = cast("trace.TraceParent", trace.current()).trace_id
        message = received(ConfirmOrder(order_id=UUID(int=7)), "m-1")
    handled_log.log_handled([message], 0.01234)
    (line,) = lines(capfd)
    assert (line["trace_id"], line["order_id"], line["message_id"]) == (trace_id, str(UUID(int=7)), "m-1")
    assert (line["message_type"], line["duration_ms"]) == ("order.confirm.v1", 12.3)


def test_whoever_leaves_lines_out_has_none(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Red without a look at the log's level."""
    caplog.set_level("WARNING", handled_log.__name__)
    handled_log.log_handled([received(ConfirmOrder(order_id=UUID(int=7)), "m-1")], 0.01)
    assert not lines(capfd)


def test_each_message_has_one_line_however_often_it_comes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Red when what was handled before, or what failed, is said to be handled."""
    monkeypatch.setattr(delivery, "BACKOFF", (0.2,) * 100)
    lab.desk.failing["late"] = Boom("not yet")
    good, late = lab.note("good", about="g"), lab.note("late", about="l")
    with lab.running():
        lab.send(good, late)
        eventually(lambda: lab.effects() == ["good"])
        lab.desk.failing.clear()
        eventually(lambda: len(lab.effects()) == 2)
        lab.send(good, late, lab.note("more", about="g"))
        eventually(lambda: len(lab.effects()) == 3)
    said = lines(capfd)
    assert [line["key"] for line in said] == ["g", "l", "g"]
    assert said[0]["trace_id"] == str(header(good, "traceparent"))[3:35]
    assert all(line["duration_ms"] > 0 for line in said)
