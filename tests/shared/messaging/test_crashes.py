"""Processes that are killed, stopped and put to sleep: every effect is there once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection, transaction

from shared.messaging import outbox
from shared.messaging.models import OutboxMessage, ParkedMessage
from tests.shared.messaging.lab import Lab, Note, eventually, header

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
MODULE = "tests.shared.messaging.lab_process"
Start = Callable[..., "subprocess.Popen[bytes]"]


def environment(**more: str) -> dict[str, str]:
    """What a process needs to work on this test's database."""
    db = connection.settings_dict
    address = f"{db['HOST']}:{db['PORT']}/{db['NAME']}"
    url = f"postgresql://{quote(db['USER'])}:{quote(db['PASSWORD'])}@{address}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "MICROCOMMERCE_DATABASE_URL": url,
        **more,
    }


@pytest.fixture
def start(lab: Lab) -> Iterator[Start]:
    """Starts consumers and relays of the laboratory; none is left at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(role: str = "consume", *more: str, **variables: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", MODULE, role, lab.topic.name, lab.group, *more]
        # A crash point kills its whole group, which shall not be the tests'.
        started.append(
            subprocess.Popen(command, cwd=ROOT, env=environment(**variables), start_new_session=True)
        )
        return started[-1]

    yield begin
    for each in started:
        each.kill()
        each.wait(10)


def test_a_message_that_kills_its_process_is_given_up(lab: Lab, start: Start) -> None:
    lab.send(lab.note("good 1", about="x"), lab.note("kill", about="k"), lab.note("behind", about="k"))
    lab.send(lab.note("good 2", about="y"))
    process, deaths = start(), 0
    began = time.monotonic()

    while not lab.dead_letters():
        if deaths == 1:
            eventually(lambda: sorted(lab.effects()) == ["good 1", "good 2"], why=lab.effects)
        if process.poll() is not None:
            assert process.returncode == -signal.SIGKILL
            process, deaths = start(), deaths + 1
        assert time.monotonic() - began < 120
        time.sleep(0.1)
    eventually(lambda: "behind" in lab.effects())

    assert deaths == 3
    (letter,) = lab.dead_letters()
    assert header(letter, "dl_error") == "The handler took its process down 3 times."
    assert sorted(lab.effects()) == ["behind", "good 1", "good 2"]
    assert not ParkedMessage.objects.exists()


def effects_grow(lab: Lab) -> None:
    """Wait until something more was handled."""
    before = len(lab.effects())
    eventually(lambda: len(lab.effects()) > before)


def test_killed_again_and_again_under_load(lab: Lab, start: Start) -> None:
    total = 400
    process = start()
    for round_ in range(8):
        first = round_ * total // 8
        lab.send(*(lab.note(f"{number:03}", about=f"k{number % 10}") for number in range(first, first + 50)))
        if round_ % 2:
            effects_grow(lab)
        process.kill()
        process.wait(10)
        process = start()
    eventually(lambda: len(lab.effects()) >= total, 90, why=lambda: len(lab.effects()))
    eventually(lambda: not ParkedMessage.objects.exists())

    assert sorted(lab.effects()) == [f"{number:03}" for number in range(total)]
    for key in range(10):
        assert lab.effects(f"k{key}") == sorted(lab.effects(f"k{key}"))
    assert lab.dead_letters() == []


def test_asked_to_stop_it_finishes_the_message_in_hand(lab: Lab, start: Start) -> None:
    lab.send(
        lab.note("until asked to stop"), lab.note("after")
    )  # of one key: of two either could be the first
    process = start()
    eventually(lambda: ParkedMessage.objects.filter(starts=1).exists())

    process.terminate()
    assert process.wait(40) == 0
    assert lab.effects() == ["until asked to stop"]

    start()
    eventually(lambda: lab.effects() == ["until asked to stop", "after"])


def test_a_sleeper_that_wakes_has_no_second_effect(lab: Lab, start: Start) -> None:
    lab.send(lab.note("warm up"))
    sleeper = start()
    eventually(lambda: lab.effects() == ["warm up"])
    lab.send(lab.note("slow 1"), lab.note("next"))
    time.sleep(0.5)
    sleeper.send_signal(signal.SIGSTOP)
    start()
    lab.send(lab.note("other", about="b"))
    time.sleep(13)  # longer than Kafka waits for a member of the group

    sleeper.send_signal(signal.SIGCONT)
    eventually(lambda: len(lab.effects()) >= 4, 90, why=lab.effects)
    time.sleep(3)

    assert lab.effects("a") == ["warm up", "slow 1", "next"]
    assert lab.effects("b") == ["other"]


def test_a_relay_that_is_killed_again_and_again_loses_nothing(lab: Lab, start: Start) -> None:
    process = start("relay")
    with lab.running():
        for round_ in range(6):
            for number in range(20):
                with transaction.atomic():
                    outbox.publish(Note(about=f"k{number % 5}", text=f"{round_}-{number:02}"))
            process.kill()
            process.wait(10)
            process = start("relay")
        eventually(lambda: len(lab.effects()) >= 120, 90, why=lambda: len(lab.effects()))
        eventually(lambda: not OutboxMessage.objects.filter(sent_at=None).exists())

    assert len(lab.effects()) == len(set(lab.effects())) == 120
    for key in range(5):
        assert lab.effects(f"k{key}") == sorted(lab.effects(f"k{key}"))


def test_a_relay_that_is_asked_to_stop_does(lab: Lab, start: Start) -> None:
    process = start("relay")
    with transaction.atomic():
        outbox.publish(Note(about="a", text="x"))
    eventually(lambda: not OutboxMessage.objects.filter(sent_at=None).exists())

    process.terminate()
    assert process.wait(40) == 0
