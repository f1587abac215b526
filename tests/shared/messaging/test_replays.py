"""A dead letter that a manager replays comes back to the service that gave it up, and to nobody else (ADR 0016)."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from launcher.system import SERVICES
from shared.contracts.topics import REPLAYS, WITH_DEAD_LETTERS, Topic
from shared.messaging import delivery, replays
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import Raw
from shared.messaging.models import InboxMessage, ParkedMessage
from tests.shared.messaging.lab import Boom, Lab, eventually, header, read_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab_that_is_known(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The laboratory among the services: its dead letters can come back to it, too."""
    monkeypatch.setattr(delivery, "BACKOFF", (0.2, 0.2))
    monkeypatch.setattr(replays, "NAMES", {lab.topic.name})
    monkeypatch.setitem(REPLAYS, "lab", Topic(f"{lab.topic.name}.replays", partitions=1))
    lab.create(REPLAYS["lab"].name, partitions=1)
    lab.create(REPLAYS["lab"].dead_letter, partitions=1)
    yield lab
    lab.delete(REPLAYS["lab"].name, REPLAYS["lab"].dead_letter)


def consumer(lab: Lab) -> Consumer:
    """The laboratory's consumer, as `manage.py consume` makes a service's."""
    return lab.consumer(replays=REPLAYS["lab"].name)


def come_back(lab: Lab, *letters: Raw) -> None:
    """What the saga service does for a manager."""
    for letter in letters:
        found = replays.addressed(lab.topic.name, "lab", letter.headers)
        assert found is not None
        lab.send_to(found[0], replace(letter, headers=found[1]))


def test_every_service_that_takes_messages_has_a_topic_of_its_own() -> None:
    """Red when a service gets a consumer, and nothing that it gave up could come back to it."""
    assert set(REPLAYS) == {service.name for service in SERVICES if "consumer" in service.roles}
    assert len({topic.name for topic in WITH_DEAD_LETTERS}) == len(WITH_DEAD_LETTERS)


def test_it_is_handled_once_with_its_id_and_nobody_else_hears_of_it(lab_that_is_known: Lab) -> None:
    """Another service that listens to the topic has forgotten the id, and must not be asked. Red when it goes to the topic."""
    lab = lab_that_is_known
    lab.desk.failing["bad"] = Boom("never")
    with lab.running(consumer(lab)):
        lab.send(lab.note("bad", id="the-same"))
        eventually(lab.dead_letters)
        lab.desk.failing.clear()
        (letter,) = lab.dead_letters()
        come_back(lab, letter, letter)
        eventually(lambda: lab.effects() == ["bad"])
        eventually(lambda: lab.committed(REPLAYS["lab"].name) == 2)

    assert lab.effects() == ["bad"]
    assert InboxMessage.objects.filter(message_id="the-same").exists()
    assert (
        len(read_all(lab.bootstrap, lab.topic.name)) == 1
    )  # a compacted topic's newest message stays the newest


def test_one_that_fails_again_is_a_dead_letter_of_its_own_topic(lab_that_is_known: Lab) -> None:
    lab = lab_that_is_known
    lab.desk.failing["bad"] = Boom("never")
    with lab.running(consumer(lab)):
        lab.send(lab.note("bad", id="the-same"))
        eventually(lab.dead_letters)
        come_back(lab, lab.dead_letters()[0])
        eventually(lambda: len(lab.dead_letters()) == 2)

    first, second = (
        [pair for pair in letter.headers if not pair[0].startswith("dl_")] for letter in lab.dead_letters()
    )
    assert first == second


def test_it_waits_behind_what_is_parked_of_its_key(
    lab_that_is_known: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is no other message's, though both are the first of their topics. Red without `partition=-1 - …`."""
    lab = lab_that_is_known
    monkeypatch.setattr(delivery, "BACKOFF", (0.2,) * 1000)  # for as long as this test needs
    lab.desk.failing["first"] = Boom("not yet")
    with lab.running(consumer(lab)):
        lab.send(lab.note("first", about="k"))
        eventually(lambda: ParkedMessage.objects.filter(failures__gte=1).exists())
        come_back(lab, lab.note("second", about="k"))
        eventually(lambda: ParkedMessage.objects.count() == 2)
        lab.desk.failing.clear()
        eventually(lambda: lab.effects() == ["first", "second"])


def test_one_that_names_no_topic_is_a_dead_letter(lab_that_is_known: Lab) -> None:
    """Nobody but the saga service writes there, and nothing is in the way of what does."""
    lab = lab_that_is_known
    with lab.running(consumer(lab)):
        lab.send_to(REPLAYS["lab"].name, lab.note("stray"))
        come_back(lab, lab.note("good"))
        eventually(lambda: lab.effects() == ["good"])

    (letter,) = read_all(lab.bootstrap, REPLAYS["lab"].dead_letter)
    assert "names no topic" in str(header(letter, "dl_error"))


def test_the_newest_message_of_its_topic_stays_the_newest(lab_that_is_known: Lab) -> None:
    """The catalogue's events: the fifth is given up, the sixth passes, the fifth comes back. Compaction keeps the sixth.

    Red when the fifth comes back on its old topic: whoever reads the topic anew would go back to it for good.
    """
    lab = lab_that_is_known
    lab.desk.failing["v5"] = Boom("never")
    with lab.running(consumer(lab)):
        lab.send(lab.note("v5", about="p"))
        eventually(lab.dead_letters)
        lab.send(lab.note("v6", about="p"))
        eventually(lambda: lab.effects() == ["v6"])
        lab.desk.failing.clear()
        come_back(lab, lab.dead_letters()[0])
        eventually(lambda: lab.effects() == ["v6", "v5"])  # it is for the handler to compare versions

    kept = [json.loads(each.payload)["text"] for each in read_all(lab.bootstrap, lab.topic.name)]
    assert kept == ["v5", "v6"]
