"""The laboratory's consumer or relay as a process of its own, to be killed: `python -m … consume TOPIC GROUP`.

It is what `manage.py consume` and `manage.py relay` run, with a handler that a message can tell to be slow,
or to take the process down.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django first

from shared.contracts import BY_TYPE  # noqa: E402
from shared.contracts.topics import Topic  # noqa: E402
from shared.messaging import dead_letters, kafka, ledger, process  # noqa: E402
from shared.messaging.consumer import Consumer  # noqa: E402
from shared.messaging.dead_letters import DeadLetterQueue  # noqa: E402
from shared.messaging.envelope import Received  # noqa: E402
from shared.messaging.postgresql import PostgresOutbox  # noqa: E402
from shared.messaging.relay import Relay  # noqa: E402
from tests.shared.messaging.lab import GIVES_UP_AFTER, WORD_WITHIN, Note, write  # noqa: E402

SHORT_LEASE = timedelta(seconds=1)
asked_to_stop = threading.Event()


def obey(batch: Sequence[Received[Note]]) -> None:
    """Write each note, and do what it says."""
    for received in batch:
        note = received.message
        write(note.about, note.text)
        while note.text == "until asked to stop" and not asked_to_stop.is_set():
            time.sleep(0.1)
        if note.text.startswith("slow"):
            time.sleep(float(note.text.removeprefix("slow ")))
        if note.text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def consume(group: str) -> None:
    """As `manage.py consume`."""
    ledger.LEASE = SHORT_LEASE
    dead_letters.TIMEOUT = WORD_WITHIN
    bootstrap = settings.ENVIRONMENT.kafka
    consumer = Consumer(
        kafka=kafka.consumer(bootstrap, group),
        handlers={Note: obey},
        ledger=ledger.SqlLedger(),
        dead_letters=DeadLetterQueue(
            lambda: kafka.producer(bootstrap, group, gives_up_after=GIVES_UP_AFTER), "lab"
        ),
    )

    def stop() -> None:
        asked_to_stop.set()
        consumer.stop()

    process.run(consumer.run, stop, consumer.pulse)


def relay() -> None:
    """As `manage.py relay`."""
    made = Relay(PostgresOutbox(), kafka.producer(settings.ENVIRONMENT.kafka, "lab"))
    process.run(made.run, made.stop, made.pulse)


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
    elif sys.argv[1] == "stay":
        stay(sys.argv[3])
    else:
        relay()
