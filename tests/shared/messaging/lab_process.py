"""The laboratory's consumer or relay as a process of its own, to be killed: `python -m … consume TOPIC GROUP`.

It is what `manage.py consume` and `manage.py relay` run, with a handler that a message can tell to be slow, to answer,
or to take the process down. `both` is what a service with an outbox runs; in `dying`, `stuck` and `stalled` its relay is
what the word says.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import NoReturn

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django first

from shared.contracts import BY_TYPE  # noqa: E402
from shared.contracts.topics import Topic  # noqa: E402
from shared.messaging import dead_letters, inbox, kafka, outbox, relay, runner  # noqa: E402
from shared.messaging.consumer import Consumer  # noqa: E402
from shared.messaging.dead_letters import DeadLetterQueue  # noqa: E402
from shared.messaging.envelope import Received  # noqa: E402
from shared.messaging.postgresql import PostgresOutbox  # noqa: E402
from shared.telemetry.probe import Heartbeat  # noqa: E402
from tests.shared.messaging.lab import GIVES_UP_AFTER, WORD_WITHIN, Note, write  # noqa: E402

SHORT_LEASE = timedelta(seconds=1)
asked_to_stop = threading.Event()


def apply_notes(batch: Sequence[Received[Note]]) -> None:
    """Write each note, and do what it says."""
    for received in batch:
        note = received.message
        write(note.about, note.text)
        while note.text.endswith("until asked to stop") and not asked_to_stop.is_set():
            time.sleep(0.1)
        if note.text.startswith("slow"):
            time.sleep(float(note.text.removeprefix("slow ")))
        if note.text.startswith("question"):
            answer = Note(about=note.about, text=note.text.replace("question", "answer"))
            outbox.publish(answer, cause=received)
        if note.text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def consume(group: str, *beside: runner.Loop) -> None:
    """As `manage.py consume`."""
    inbox.LEASE = SHORT_LEASE
    dead_letters.TIMEOUT = WORD_WITHIN
    bootstrap = settings.ENVIRONMENT.kafka
    consumer = Consumer(
        kafka=kafka.consumer(bootstrap, group),
        handlers={Note: apply_notes},
        inbox=inbox.SqlInbox(),
        dead_letters=DeadLetterQueue(
            lambda: kafka.producer(bootstrap, group, gives_up_after=GIVES_UP_AFTER), "lab"
        ),
    )

    finish = consumer.stop

    def stop() -> None:
        asked_to_stop.set()
        finish()

    consumer.stop = stop  # type: ignore[method-assign]
    runner.run(consumer, *beside)


class Dying(PostgresOutbox):
    """Fails in a way that nobody has thought of."""

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> NoReturn:
        raise RuntimeError("the relay dies")


class Stuck(PostgresOutbox):
    """Never comes back."""

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> NoReturn:
        while True:
            time.sleep(60)


def stuck() -> relay.Relay:
    """Soon taken for dead."""
    made = relay.Relay(Stuck(), kafka.producer(settings.ENVIRONMENT.kafka, "lab"))
    made.heartbeat = Heartbeat(limit=3)
    return made


def stalled() -> relay.Relay:
    """Goes by a wire on which Kafka does not hear it."""
    kafka.STATISTICS_MS, kafka.STALLED_AFTER, kafka.ANSWER_SECONDS = 1_000, 3.0, 5.0
    return relay.Relay(PostgresOutbox(), kafka.producer(sys.argv[4], "stalled"))


BESIDE = {
    "both": relay.of_this_service,
    "dying": lambda: relay.Relay(Dying(), kafka.producer(settings.ENVIRONMENT.kafka, "lab")),
    "stuck": stuck,
    "stalled": stalled,
}


def carry() -> None:
    """As `manage.py relay`."""
    runner.run(relay.of_this_service())


def say_so(*_: object) -> None:
    """To the test that waits for it."""
    os.write(sys.stdout.fileno(), b"in\n")


def stay(group: str) -> None:
    """Be a member of the group that is not taken for dead so soon; says so once it is one."""
    member = kafka.consumer(settings.ENVIRONMENT.kafka, group, **{"session.timeout.ms": 45_000})
    member.subscribe([Note.TOPIC.name], on_assign=say_so)
    while True:
        member.poll(1)


if __name__ == "__main__":
    Note.TOPIC = Topic(sys.argv[2])
    BY_TYPE[Note.TYPE] = Note
    if sys.argv[1] == "consume":
        consume(sys.argv[3])
    elif sys.argv[1] in BESIDE:
        consume(sys.argv[3], BESIDE[sys.argv[1]]())
    elif sys.argv[1] == "stay":
        stay(sys.argv[3])
    else:
        carry()
