"""The laboratory, made anew for each test that asks for it."""

from collections.abc import Iterator

import pytest
from django.db import connection

from shared.contracts import BY_TYPE
from shared.contracts.topics import ORDERED
from shared.messaging import dead_letters
from tests.shared.messaging.lab import TABLE, WORD_WITHIN, Gossip, Lab, Note


@pytest.fixture
def known_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laboratory's messages are known for the time of a test."""
    for contract in (Note, Gossip):
        monkeypatch.setitem(BY_TYPE, contract.TYPE, contract)


@pytest.fixture
def lab(transactional_db: None, known_contracts: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Empty tables, and topics with nothing in them."""
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute("TRUNCATE lab_effect")
    made = Lab()
    for contract in (Note, Gossip):
        monkeypatch.setattr(contract, "TOPIC", made.topic)
    monkeypatch.setattr(dead_letters, "TIMEOUT", WORD_WITHIN)
    made.create(made.topic.name)
    made.create(made.topic.dead_letter, partitions=1)
    yield made
    made.delete(made.topic.name, made.topic.dead_letter)


@pytest.fixture
def ordered(lab: Lab) -> Iterator[Lab]:
    """The laboratory, with everything on its topic in order; an earlier release made the topic with two partitions."""
    ORDERED.add(lab.topic.name)
    yield lab
    ORDERED.remove(lab.topic.name)
