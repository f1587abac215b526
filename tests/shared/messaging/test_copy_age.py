"""How old a copy may be: small while nothing happens, and growing when something is in the way."""

import socket
import time
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.contracts import ProductArchived
from shared.messaging import kafka
from shared.messaging.copy_age import COPY_AGE, CopyAge
from shared.messaging.envelope import decode
from shared.testing.messages import raw
from tests.shared.messaging.lab import Boom, Lab, eventually
from tests.shared.messaging.test_relay import publish, relay_of, relaying, unsent

A_WHILE = 600  # seconds
TOPIC = "product.events"


def age(measured: CopyAge = COPY_AGE, topic: str = TOPIC) -> float | None:
    """What Prometheus is told, None where it is told nothing."""
    samples = [sample for metric in measured.collect() for sample in metric.samples]
    return next((sample.value for sample in samples if sample.labels["topic"] == topic), None)


def statistics(
    *, end: int, committed: int = -1001, start: int = 0, silent: float = 0, state: str = "active"
) -> Any:
    """What the client tells; `silent` is for how many seconds the broker has said nothing."""
    partition = {
        "fetch_state": state,
        "leader": 1,
        "lo_offset": start,
        "hi_offset": end,
        "committed_offset": committed,
    }
    brokers = {
        "one": {"nodeid": 1, "rxidle": int(silent * 1_000_000)},
        "bootstrap": {"nodeid": -1, "rxidle": 3_000_000_000},
    }
    # Before the client has an answer a partition −1 stands beside the real ones.
    return {
        "brokers": brokers,
        "topics": {TOPIC: {"partitions": {"0": partition, "-1": {**partition, "fetch_state": "none"}}}},
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (statistics(end=7, committed=7), 0),
        (statistics(end=0), 0),
        (statistics(end=7, start=7), 0),
        (statistics(end=7, committed=7, silent=A_WHILE), A_WHILE),
        (statistics(end=7, committed=6), None),
        (statistics(end=-1001), None),
        (statistics(end=7, committed=7, state="stopping"), None),
    ],
    ids=["at its end", "nothing ever", "nothing left", "silent", "behind", "not asked yet", "not ours"],
)
def test_what_a_client_tells(said: Any, expected: float | None) -> None:
    measured = CopyAge()
    measured.look(said)
    assert age(measured) == (None if expected is None else pytest.approx(expected, abs=30))


def test_a_partition_that_comes_back_is_known_as_far_as_others_have_read_it() -> None:
    """Red when a process goes by what it handled itself, before another one had the partition."""
    product = ProductArchived(
        product_id="a" * 24, name="Cup", price=Decimal(1), currency="EUR", is_active=False, version=1
    )
    event = raw(product, offset=6)
    measured = CopyAge()
    measured.handled([event], [])
    measured.forget([(event.topic, event.partition)])
    measured.look(statistics(end=9, committed=9))
    assert age(measured) == pytest.approx(0, abs=30)


def test_the_age_of_what_is_behind_is_that_of_the_newest_event_that_was_handled() -> None:
    """`ce_time` is when the sender wrote the event."""
    product = ProductArchived(
        product_id="a" * 24, name="Cup", price=Decimal(1), currency="EUR", is_active=False, version=1
    )
    event = raw(product, offset=4)
    measured = CopyAge()

    measured.handled([event], [decode(event)])
    measured.look(statistics(end=7, committed=2))

    assert age(measured) == pytest.approx(0, abs=30)


def test_idle_it_stays_small_and_behind_a_message_that_waits_it_grows(
    ordered: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "STATISTICS_MS", 100)
    name = ordered.topic.name
    with ordered.running():
        eventually(lambda: age(topic=name) is not None)
        before = time.monotonic()
        while time.monotonic() < before + 1:
            eventually(lambda: (age(topic=name) or 0) < 0.9)
        ordered.desk.failing["bad"] = Boom("not yet")
        ordered.send(ordered.note("bad"))
        eventually(lambda: (age(topic=name) or 0) > 2)
        ordered.desk.failing.clear()
        eventually(lambda: (age(topic=name) or 0) < 0.9)


def oldest() -> float:
    """The age of the oldest message that waits in the outbox."""
    return REGISTRY.get_sample_value("outbox_oldest_seconds") or 0.0


def test_the_outbox_says_how_old_its_oldest_message_is(lab: Lab) -> None:
    """Also while Kafka is away, when the relay is waiting for it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
    publish("one")

    with relaying(relay_of(lab, bootstrap=nowhere)):
        eventually(lambda: oldest() > 1)
    with relaying(relay_of(lab)):
        eventually(lambda: unsent() == 0)
        eventually(lambda: oldest() == 0)
