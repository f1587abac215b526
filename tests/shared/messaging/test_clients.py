"""What Kafka's clients are told: where a setting is wrong nothing fails until a broker or a process does."""

import re
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from launcher.instance import ROOT
from shared.messaging import kafka

Config = dict[str, Any]
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """What each client that is made meanwhile was told. They are real: the library refuses what it does not know."""
    found: list[Config] = []

    def noting(client: type[Producer | Consumer]) -> Any:
        def make(config: Config, **options: Any) -> Producer | Consumer:
            found.append(config)
            return client(config, **options)

        return make

    monkeypatch.setattr(kafka, "Producer", noting(Producer))
    monkeypatch.setattr(kafka, "Consumer", noting(Consumer))
    return found


@pytest.mark.parametrize("gives_up_after", [0, 3000])
def test_a_producer_waits_for_every_replica_and_neither_doubles_nor_reorders(
    gives_up_after: int, told: list[Config]
) -> None:
    """Red without acks=all or idempotence, or when a relay's producer gives a message up by itself."""
    kafka.producer(NOWHERE, "order", gives_up_after=gives_up_after)
    (config,) = told
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["message.timeout.ms"] == gives_up_after
    # More at once than this, and the library's own limit for what keeps its order is not ours any more.
    assert "max.in.flight.requests.per.connection" not in config


def test_a_consumer_commits_only_when_told_and_forgets_nothing(told: list[Config]) -> None:
    """Red when offsets run ahead of what was handled, or a group without offsets begins at the end."""
    kafka.consumer(NOWHERE, "order").close()
    (config,) = told
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
    assert config["auto.offset.reset"] == "earliest"
    assert config["group.id"] == "order"


def test_a_consumer_that_dies_is_noticed_soon_and_one_that_comes_stops_nobody(told: list[Config]) -> None:
    """Red when the others wait for longer than an order may take (30 s), or stand still at each rebalance."""
    kafka.consumer(NOWHERE, "order").close()
    (config,) = told
    assert config["partition.assignment.strategy"] == "cooperative-sticky"
    assert 6_000 <= config["session.timeout.ms"] <= 15_000
    assert config["max.poll.interval.ms"] >= 120_000  # a batch with its retries is no death
    assert "group.instance.id" not in config  # see `kafka.consumer`


def test_a_reader_commits_nothing_and_begins_at_the_end(told: list[Config]) -> None:
    kafka.reader(NOWHERE, "gateway").close()
    (config,) = told
    assert config["enable.auto.commit"] is False
    assert config["auto.offset.reset"] == "latest"


def test_whoever_speaks_to_kafka_has_these_settings() -> None:
    """Red when a service makes a client of its own, or one with other settings."""
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for folder in ("apps", "gateway", "shared")
        for path in (ROOT / folder).rglob("*.py")
    }
    own = {name for name, text in sources.items() if re.search(r"\b(Kafka)?(Producer|Consumer)\(\s*\{", text)}
    other = {name for name, text in sources.items() if re.search(r"kafka\.consumer\([^)]*(\*\*|=)", text)}
    assert own == {"shared/messaging/kafka.py"}
    assert other == set()
