"""Upgrade safety: sagas that ran under an earlier release come to the same end under today's code."""

from pathlib import Path

import pytest

from apps.saga.models import Saga
from tests.saga.histories import FOLDER, Recording, as_json, counted

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
