"""Who has to wait for another command is told so, and goes on by itself."""

import fcntl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from launcher import bootstrap, up
from launcher.instance import Instance
from launcher.plan import Step


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.told = threading.Event()

    def began(self, step: Step) -> None: ...

    def ended(self, step: Step, seconds: float) -> None: ...

    def waits(self, reason: str) -> None:
        self.reasons.append(reason)
        self.told.set()


def waits_for(lock: Path, entered: Callable[[], AbstractContextManager[None]], told: Told) -> bool:
    """Whether somebody who finds the lock taken is told so, and comes in when it is free."""
    inside = threading.Event()

    def enter() -> None:
        with entered():
            inside.set()

    with lock.open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        waiting = threading.Thread(target=enter, daemon=True)
        waiting.start()
        assert told.told.wait(30)
        assert not inside.is_set()
    return inside.wait(30)


def test_a_second_up_says_that_it_waits(tmp_path: Path) -> None:
    instance, told = Instance(0, tmp_path), Told()
    instance.make_directories()
    assert waits_for(instance.state / "up.lock", lambda: up._alone(instance, told), told)
    assert "Another `up` of this platform is under way" in told.reasons[0]


def test_so_does_a_second_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "_say", told.waits)
    (tmp_path / ".microcommerce").mkdir()
    assert waits_for(tmp_path / ".microcommerce" / "bootstrap.lock", bootstrap._alone, told)
    assert "Another command installs" in told.reasons[0]
