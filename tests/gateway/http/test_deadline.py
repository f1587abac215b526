"""The deadline of a connection."""

import asyncio

import pytest

from gateway.http.deadline import LONGEST_SLEEP, Deadline


class Clock:
    """The event loop's clock, which moves only when a test moves it: no busy machine makes a deadline pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time()
        monkeypatch.setattr(self.loop, "time", lambda: self.now)

    async def passes(self, seconds: float) -> None:
        """Let so much time pass, and let the loop call whoever is due."""
        self.now += seconds
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the alarm goes by."""
    return Clock(monkeypatch)


@pytest.fixture
def rung() -> list[str]:
    """As many as the alarm has rung."""
    return []


@pytest.fixture
def alarm(clock: Clock, rung: list[str]) -> Deadline:
    """An alarm without a deadline."""
    return Deadline(clock.loop, lambda: rung.append("rung"))


async def test_it_rings_when_the_time_has_passed(clock: Clock, alarm: Deadline, rung: list[str]) -> None:
    alarm.set(5)
    await clock.passes(4.9)
    assert not rung
    await clock.passes(0.2)
    assert len(rung) == 1


async def test_a_later_deadline_replaces_an_earlier_one(
    clock: Clock, alarm: Deadline, rung: list[str]
) -> None:
    alarm.set(5)
    alarm.set(40)
    await clock.passes(39)
    assert not rung
    await clock.passes(2)
    assert len(rung) == 1


async def test_an_earlier_deadline_replaces_a_later_one(
    clock: Clock, alarm: Deadline, rung: list[str]
) -> None:
    alarm.set(30)
    alarm.set(5)
    await clock.passes(6)
    assert len(rung) == 1


async def test_it_does_not_ring_without_a_deadline(clock: Clock, alarm: Deadline, rung: list[str]) -> None:
    alarm.set(5)
    alarm.clear()
    for _ in range(4):
        await clock.passes(LONGEST_SLEEP)
    assert not rung
    alarm.set(5)
    await clock.passes(6)
    assert len(rung) == 1


async def test_a_stopped_alarm_stays_silent(clock: Clock, alarm: Deadline, rung: list[str]) -> None:
    alarm.set(5)
    alarm.stop()
    await clock.passes(LONGEST_SLEEP)
    assert not rung
