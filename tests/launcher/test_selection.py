"""Which platform a command means that names none."""

from pathlib import Path

import pytest

from launcher import selection
from launcher.instance import Instance


@pytest.fixture(autouse=True)
def _nothing_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "LAST", tmp_path / "last-offset")
    monkeypatch.delenv(selection.VARIABLE, raising=False)


def test_the_one_that_was_started_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when a platform that was started with an option is only found with it."""
    assert selection.chosen(None).offset == 0
    selection.remember(Instance(1000))
    assert selection.chosen(None).offset == 1000
    assert selection.chosen(0).offset == 0
    monkeypatch.setenv(selection.VARIABLE, "2000")
    assert selection.chosen(None).offset == 2000
    assert selection.chosen(3000).offset == 3000
    selection.remember(Instance(4000))  # by a test run, which says its platform by the variable
    monkeypatch.delenv(selection.VARIABLE)
    assert selection.chosen(None).offset == 1000


def test_one_that_was_reset_is_not_meant_any_more() -> None:
    selection.remember(Instance(1000))
    selection.forget(Instance(2000))
    assert selection.chosen(None).offset == 1000
    selection.forget(Instance(1000))
    assert selection.chosen(None).offset == 0
