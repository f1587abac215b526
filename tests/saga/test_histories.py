"""Upgrade safety: sagas that ran under an earlier release come to the same end under today's code."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apps.saga import engine
from apps.saga.definition import Definition
from apps.saga.models import Saga, Status
from apps.saga.placement import PLACEMENT
from shared.contracts import Message
from tests.saga.histories import FOLDER, Recording, as_json, counted, step
from tests.saga.other_releases import (
    ANSWERS,
    NAME,
    RETIRED,
    CardCharged,
    ChargeCard,
    RefundCard,
    with_one_less,
    with_one_more,
)

FILES = sorted(FOLDER.glob("*.json"))


def ids(file: Path) -> str:
    return file.stem


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_it_sends_what_it_sent_and_ends_as_it_ended(file: Path) -> None:
    """Red when a step, its name, its compensation, or what a late answer leads to is no longer what it was.

    To see it: swap two steps in apps/saga/placement.py, or rename one.
    """
    recording = Recording.load(file)
    saga, sent = recording.replay()
    assert {name: getattr(saga, name) for name in recording.ended} == recording.ended
    assert counted(map(as_json, sent)) == counted(recording.commands)


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_a_saga_under_way_is_taken_over_at_every_point(file: Path) -> None:
    """The row as an earlier release left it is enough to go on: nothing lives only in a process.

    Red when the engine keeps something beside the row's own fields.
    """
    recording = Recording.load(file)
    for stop in range(1, len(recording.inputs)):
        saga, _ = Recording(recording.began, recording.inputs[:stop], [], {}).replay()
        row = {field.attname: getattr(saga, field.attname) for field in Saga._meta.concrete_fields}
        saga, _ = Recording(row, recording.inputs[stop:], [], {}).replay()
        assert {name: getattr(saga, name) for name in recording.ended} == recording.ended


def test_every_fate_was_recorded() -> None:
    endings = {Recording.load(file).ended["status"] for file in FILES}
    assert endings == {"completed", "compensated"}
    events = {each["event"] for file in FILES for each in Recording.load(file).inputs}
    assert {
        "stock.rejected.v1",
        "stock.released.v1",
        "order.cancellation-requested.v1",
        "timed out",
    } <= events


PLACES = range(1, len(PLACEMENT.steps) + 1)  # the first step is done before a saga begins


def live(recording: Recording, under: list[tuple[int, Definition]]) -> tuple[Saga, list[Message]]:
    """The saga's life under several definitions, each up to an input of that number; cards are charged at once."""
    saga, sent = recording.beginning(), []
    for number, given in enumerate(recording.inputs):
        definition = next(each for until, each in under if number < until)
        commands = step(saga, definition, given)
        now = datetime.fromisoformat(given["at"])
        while commands:
            sent += commands
            answers = [
                ANSWERS[type(each)](order_id=saga.order_id) for each in commands if type(each) in ANSWERS
            ]
            commands = [
                command for answer in answers for command in engine.apply(saga, definition, answer, now)
            ]
    return saga, sent


def cards(sent: list[Message]) -> Counter[type[Message]]:
    """How often a card was charged and refunded."""
    return Counter(type(each) for each in sent if type(each) in ANSWERS)


def without_cards(sent: list[Message]) -> Counter[str]:
    return counted(as_json(each) for each in sent if type(each) not in ANSWERS)


ALWAYS = 10**6


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("file", FILES, ids=ids)
def test_the_next_release_has_a_step_more(file: Path, place: int) -> None:
    """A saga that began before it comes to its end under it, wherever it stood: nobody is charged for an order that is
    taken back. Red when a record that is missing stops the engine.
    """
    recording = Recording.load(file)
    later = with_one_more(PLACEMENT, place)
    for switch in range(len(recording.inputs) + 1):
        saga, sent = live(recording, [(switch, PLACEMENT), (ALWAYS, later)])
        assert saga.status == recording.ended["status"], switch
        assert set(counted(recording.commands)) <= set(without_cards(sent)), switch
        charged, refunded = cards(sent)[ChargeCard], cards(sent)[RefundCard]
        assert (refunded > 0) == (charged > 0 and saga.status == Status.COMPENSATED), switch


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("file", FILES, ids=ids)
def test_the_next_release_has_a_step_less(file: Path, place: int) -> None:
    """A saga that began with a step goes on without it. Red when a step without a definition stops the engine."""
    recording = Recording.load(file)
    earlier = with_one_more(PLACEMENT, place)
    for switch in range(len(recording.inputs) + 1):
        saga, sent = live(recording, [(switch, earlier), (ALWAYS, PLACEMENT)])
        assert saga.status == recording.ended["status"], switch
        assert set(counted(recording.commands)) <= set(without_cards(sent)), switch


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("file", FILES, ids=ids)
def test_a_step_that_is_retired_can_still_be_undone(file: Path, place: int) -> None:
    """It has no `forward` any more and keeps its `backward` until nobody needs it."""
    recording = Recording.load(file)
    earlier, later = with_one_more(PLACEMENT, place), with_one_more(PLACEMENT, place, RETIRED)
    for switch in range(len(recording.inputs) + 1):
        saga, sent = live(recording, [(switch, earlier), (ALWAYS, later)])
        assert saga.status == recording.ended["status"], switch
        charged, refunded = cards(sent)[ChargeCard], cards(sent)[RefundCard]
        assert (refunded > 0) == (charged > 0 and saga.status == Status.COMPENSATED), switch


@pytest.mark.parametrize("name", ["reserve-stock", "remove-from-basket", "confirm-order"])
@pytest.mark.parametrize("file", FILES, ids=ids)
def test_the_next_release_lacks_a_step_of_today(file: Path, name: str) -> None:
    recording = Recording.load(file)
    later = with_one_less(PLACEMENT, name)
    for switch in range(1, len(recording.inputs) + 1):
        saga, _ = live(recording, [(switch, PLACEMENT), (ALWAYS, later)])
        assert saga.status == recording.ended["status"], switch


def test_a_saga_that_waits_for_a_step_that_is_gone_goes_on_at_its_deadline() -> None:
    """No event has to come for it. Its answer, should it come after all, is not waited for."""
    saga = Recording.load(FILES[0]).beginning()
    now = datetime.fromisoformat(Recording.load(FILES[0]).inputs[0]["at"])
    earlier = with_one_more(PLACEMENT, 1)
    assert [type(each) for each in engine.start(saga, earlier, now)] == [ChargeCard]
    assert saga.step == NAME
    sent = engine.wake(saga, PLACEMENT, now + timedelta(hours=1))
    assert [each.TYPE for each in sent] == ["stock.reserve.v1"]
    assert engine.apply(saga, PLACEMENT, CardCharged(order_id=saga.order_id), now) == []
    assert saga.step == "reserve-stock"


def test_the_version_is_raised_with_every_change_of_the_steps() -> None:
    """Red when steps were added, taken away or moved under a version that a release has had: raise `version` in
    apps/saga/placement.py and add a line here (docs/adding-a-saga-step.md).
    """
    released = {
        1: ("submit-order", "reserve-stock", "commit-stock", "confirm-order", "remove-from-basket"),
    }
    assert released[PLACEMENT.version] == tuple(each.name for each in PLACEMENT.steps)
