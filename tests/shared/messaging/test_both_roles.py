"""One process plays consumer and relay (ADR 0029): killed, stopped, stuck or stalled, it keeps what two processes kept."""

import logging
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from shared.messaging import outbox, runner, wake_up
from shared.messaging.models import OutboxMessage, ParkedMessage
from shared.telemetry.probe import Heartbeat
from tests.shared.messaging.fault_proxy import FaultProxy
from tests.shared.messaging.lab import Lab, Note, eventually
from tests.shared.messaging.test_crashes import Start, start  # noqa: F401 - a fixture
from tests.shared.messaging.test_relay import publish, relay_of, relaying, unsent

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = 5
CRASH_POINT = "MICROCOMMERCE_CRASH_POINT"
# By whichever loop; those of the consumer alone are system tests' (tests/system/test_crash_points.py).
POINTS = (
    "outbox.written",
    "outbox.committed",
    "relay.taken",
    "relay.sent",
    "relay.marked",
    "consumer.committed",
)


def ask(lab: Lab, numbers: range) -> None:
    """A question for each number; whoever handles it answers through the outbox, and handles the answer."""
    lab.send(*(lab.note(f"question {number:03}", about=f"k{number % KEYS}") for number in numbers))


def is_answered(lab: Lab, numbers: range) -> None:
    """Wait until every question and every answer has had its effect once, those of each key in order."""
    questions = [f"question {number:03}" for number in numbers]
    wanted = sorted([*questions, *(each.replace("question", "answer") for each in questions)])
    eventually(lambda: len(lab.effects()) >= len(wanted), 120, why=lambda: len(lab.effects()))
    eventually(lambda: unsent() == 0 and not ParkedMessage.objects.exists())
    assert sorted(lab.effects()) == wanted
    for key in range(KEYS):
        for kind in ("question", "answer"):
            mine = [text for text in lab.effects(f"k{key}") if text.startswith(kind)]
            assert mine == sorted(mine)
    assert lab.dead_letters() == []


def test_killed_again_and_again_it_loses_and_doubles_nothing(lab: Lab, start: Start) -> None:  # noqa: F811
    """In the middle of both loops. Red with the mark before the send in `Relay.turn`: answers are lost."""
    both = start("both")
    for round_ in range(6):
        ask(lab, range(40 * round_, 40 * (round_ + 1)))
        if round_ % 2:
            before = len(lab.effects())
            eventually(lambda before=before: len(lab.effects()) > before, 60)  # type: ignore[misc]
        both.kill()
        both.wait(10)
        both = start("both")
    is_answered(lab, range(240))


def test_killed_at_any_line_its_successor_finishes(lab: Lab, start: Start) -> None:  # noqa: F811
    """Whichever loop was at it. Red with the mark before the send in `Relay.turn`, at `relay.taken`."""
    numbers = range(0)
    for number, point in enumerate(POINTS):
        numbers = range(20 * (number + 1))
        dies = start("both", **{CRASH_POINT: point})
        ask(lab, numbers[-20:])
        assert dies.wait(60) < 0, point
        lives = start("both")
        is_answered(lab, numbers)
        lives.terminate()
        assert lives.wait(40) == 0


def test_asked_to_stop_it_finishes_the_message_in_hand_and_sends_the_answer(lab: Lab, start: Start) -> None:  # noqa: F811
    """Red when a signal stops both loops at once: the answer waits for the next process."""
    both = start("both")
    lab.send(lab.note("question until asked to stop"), lab.note("after"))
    eventually(lambda: ParkedMessage.objects.filter(starts=1).exists())
    time.sleep(2)  # the relay has nothing to do

    both.terminate()
    assert both.wait(40) == 0
    assert lab.effects() == ["question until asked to stop"]
    assert (OutboxMessage.objects.count(), unsent()) == (1, 0)


def test_a_relay_that_dies_takes_its_process_down(lab: Lab, start: Start) -> None:  # noqa: F811
    """No consumer goes on whose messages nobody carries. Red without `at_end` in `runner._BackgroundLoop.run`."""
    assert start("dying").wait(60) == 1


def test_a_relay_that_is_deaf_takes_its_process_down(lab: Lab, start: Start) -> None:  # noqa: F811
    """At once, as `kill -9` would: whatever the consumer is at, and without the client's farewell, which may take for ever.

    Red without `except ClientStalled` in `runner._BackgroundLoop.run`.
    """
    host, port = lab.bootstrap.split(":")
    with FaultProxy(host, int(port), ignoring=b"stalled") as way:
        stalled = start("stalled", f"127.0.0.1:{way.port}")
        lab.send(lab.note("slow 150"))
        eventually(lambda: ParkedMessage.objects.filter(starts=1).exists())
        publish("unheard")
        assert stalled.wait(75) == 1
    assert (unsent(), lab.effects()) == (1, [])


def test_a_relay_that_hangs_is_found_by_the_probe(lab: Lab, start: Start) -> None:  # noqa: F811
    """Though the consumer's loop turns. Red when `probe.serve` asks the first heartbeat alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start("stuck", MICROCOMMERCE_PROBE_PORT=str(port))
    lab.send(lab.note("hello"))
    eventually(lambda: lab.effects() == ["hello"])
    eventually(lambda: answer(port, "live") == 503)
    assert answer(port, "ready") == 503
    assert lab.effects() == ["hello"]


def answer(port: int, question: str) -> int:
    """The status that the probe answers with."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/{question}", timeout=5) as said:
            return int(said.status)
    except HTTPError as error:
        return error.code


def test_its_own_relay_is_woken_without_a_statement(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And soon. Red without `activate` in `PostgresOutbox.acquire`."""
    monkeypatch.setattr("shared.messaging.relay.IDLE_WAIT", 30.0)
    monkeypatch.setattr(outbox, "_notify", lambda: logging.getLogger(__name__).error("NOTIFY"))
    with relaying(relay_of(lab)):
        eventually(wake_up.wake_here)
        for number in range(3):
            publish(str(number))
            eventually(lambda: unsent() == 0, 20)
            time.sleep(0.3)
    assert "NOTIFY" not in caplog.text


def test_a_relay_that_has_ended_is_not_woken(lab: Lab) -> None:
    """Another process's may be active by then. Red without `deactivate` in `PostgresOutbox.reconnect`."""
    with relaying(relay_of(lab)):
        publish("a")
        eventually(lambda: unsent() == 0)
        assert wake_up.wake_here()
    assert not wake_up.wake_here()


class Loop:
    """Turns until told to stop; notes what happens."""

    def __init__(self, name: str, seen: list[str], takes: float) -> None:
        self.heartbeat, self._name, self._seen, self._takes = Heartbeat(), name, seen, takes
        self._stopping = False

    def run(self) -> None:
        """Beats."""
        while not self._stopping:
            time.sleep(0.05)
        time.sleep(self._takes)
        self._seen.append(f"{self._name} ended")

    def stop(self) -> None:
        """Noted."""
        self._seen.append(f"{self._name} told")
        self._stopping = True


@pytest.fixture
def same_signals() -> Iterator[None]:
    """What the tests themselves do with signals."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("same_signals")
def test_where_the_consumer_ends_the_relay_is_told_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the message in hand had to say is still carried. Red when both are told at once."""
    seen: list[str] = []
    consumer, relay = Loop("consumer", seen, 0.3), Loop("relay", seen, 0.3)
    monkeypatch.setattr(consumer, "_stopping", True)
    runner.run(consumer, relay)
    assert seen == ["consumer ended", "relay told", "relay ended", "consumer told"]


def test_a_service_without_an_outbox_sends_nothing(lab: Lab, settings: Settings) -> None:
    """It is told so, instead of writing what nobody carries. Red without the look at MESSAGING_OUTBOX in `publish_all`."""
    settings.MESSAGING_OUTBOX = ""
    with pytest.raises(ImproperlyConfigured, match="MESSAGING_OUTBOX"), transaction.atomic():
        outbox.publish(Note(about="a", text="x"))


def test_a_service_with_a_consumer_has_no_relay_beside_it() -> None:
    """Red when `manage.py relay` runs for the order service, as which these tests run."""
    with pytest.raises(CommandError, match="consume"):
        call_command("relay")
