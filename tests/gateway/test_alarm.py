"""The deadline of a connection."""

import asyncio

import pytest

from gateway import alarm
from gateway.alarm import Alarm


async def test_it_rings_when_the_time_has_passed() -> None:
    rung = asyncio.Event()
    Alarm(asyncio.get_running_loop(), rung.set).set(0.05)
    await asyncio.wait_for(rung.wait(), 2)


async def test_a_later_deadline_replaces_an_earlier_one() -> None:
    rung = asyncio.Event()
    clock = Alarm(asyncio.get_running_loop(), rung.set)
    clock.set(0.05)
    clock.set(0.4)
    await asyncio.sleep(0.2)
    assert not rung.is_set()
    await asyncio.wait_for(rung.wait(), 2)


async def test_an_earlier_deadline_replaces_a_later_one() -> None:
    rung = asyncio.Event()
    clock = Alarm(asyncio.get_running_loop(), rung.set)
    clock.set(30)
    clock.set(0.05)
    await asyncio.wait_for(rung.wait(), 2)


async def test_it_does_not_ring_without_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm, "LONGEST_SLEEP", 0.05)
    rung = asyncio.Event()
    clock = Alarm(asyncio.get_running_loop(), rung.set)
    clock.set(0.05)
    clock.clear()
    await asyncio.sleep(0.2)
    assert not rung.is_set()
    clock.set(0.05)
    await asyncio.wait_for(rung.wait(), 2)


async def test_a_stopped_alarm_stays_silent() -> None:
    rung = asyncio.Event()
    clock = Alarm(asyncio.get_running_loop(), rung.set)
    clock.set(0.05)
    clock.stop()
    await asyncio.sleep(0.15)
    assert not rung.is_set()
