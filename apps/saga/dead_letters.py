"""Dead letters of every service: collected here, looked at by managers, sent again or discarded."""

import base64
from collections.abc import Sequence
from functools import cache
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.saga.errors import DeadLetterSettled, KafkaAway, NobodyToReplayTo
from apps.saga.models import DeadLetter
from apps.saga.service import SERVICE
from shared.contracts.topics import DEAD_LETTER
from shared.faults import crash_point
from shared.history.record import record
from shared.messaging import kafka, replays
from shared.messaging.dead_letters import PREFIX, Headers
from shared.messaging.envelope import Raw

KEEP_SETTLED = SERVICE.keeps["dead letters that are settled"]
SEND_TIMEOUT_MS = 3_000  # Kafka has the message by then, or it is not replayed
TIMEOUT = 4.0  # seconds that a manager waits for Kafka's word


def collect(batch: Sequence[Raw]) -> None:
    """Keep dead letters as they came; one that comes again is known by its place in Kafka."""
    DeadLetter.objects.bulk_create([_row(raw) for raw in batch], ignore_conflicts=True)


def replay(letter_id: int) -> DeadLetter:
    """Send the message again, with its own id, to the service that gave it up. Raises DoesNotExist, NobodyToReplayTo.

    Killed between sending and committing, it can be replayed again: its id is the same, so nobody handles it twice.
    """
    with transaction.atomic():
        letter = _waiting(letter_id)
        _settle(letter, DeadLetter.Status.REPLAYED)  # first: what cannot be written down is not sent
        _produce(letter)
        crash_point("replay.sent")
    return letter


def discard(letter_id: int) -> DeadLetter:
    """Nobody wants it: it stays listed as discarded. Raises DoesNotExist."""
    with transaction.atomic():
        letter = _waiting(letter_id)
        _settle(letter, DeadLetter.Status.DISCARDED)
    return letter


def outlived() -> QuerySet[DeadLetter]:
    """Dead letters that were settled, and that Kafka cannot bring again; what waits for a manager stays."""
    old = DeadLetter.objects.filter(created_at__lt=timezone.now() - KEEP_SETTLED)
    return old.exclude(status=DeadLetter.Status.WAITING)


def _waiting(letter_id: int) -> DeadLetter:
    letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
    if letter.status != DeadLetter.Status.WAITING:
        raise DeadLetterSettled(f"This dead letter was {letter.status} already.")
    return letter


def _settle(letter: DeadLetter, status: DeadLetter.Status) -> None:
    before, letter.status = letter.status, status
    letter.save(update_fields=["status"])
    record(letter, status.value, {"status": (before, status.value)})


def _produce(letter: DeadLetter) -> None:
    outcome: list[KafkaError | None] = []

    def delivered(error: KafkaError | None, _: KafkaMessage) -> None:
        outcome.append(error)

    came = [(name, None if value is None else base64.b64decode(value)) for name, value in letter.headers]
    found = replays.addressed(letter.topic, letter.service, came)
    if found is None:
        raise NobodyToReplayTo
    topic, headers = found[0], cast("Headers", found[1])
    key = None if letter.key is None else bytes(letter.key)
    try:
        _producer().produce(topic, bytes(letter.payload), key, headers=headers, on_delivery=delivered)
    except (KafkaException, BufferError) as error:
        raise KafkaAway from error
    _producer().flush(TIMEOUT)
    if not outcome or outcome[0] is not None:  # comparing a KafkaError with None breaks inside the library
        _producer.cache_clear()  # the library's producers do not always find their way back: the next try has a new one
        raise KafkaAway


@cache
def _producer() -> Producer:
    # Made on first use: a Kafka client does not survive a fork.
    return kafka.producer(settings.ENVIRONMENT.kafka, settings.SERVICE_NAME, gives_up_after=SEND_TIMEOUT_MS)


def _row(raw: Raw) -> DeadLetter:
    said = {
        name: (value or b"").decode("utf-8", "replace")
        for name, value in raw.headers
        if name.startswith(PREFIX)
    }
    attempts = said.get("dl_attempts", "")
    return DeadLetter(
        topic=raw.topic.removesuffix(DEAD_LETTER),
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        headers=[
            [name, None if value is None else base64.b64encode(value).decode()] for name, value in raw.headers
        ],
        payload=raw.payload,
        error=(said.get("dl_error") or raw.fault).replace("\x00", ""),
        attempts=int(attempts) if attempts.isdecimal() and len(attempts) < 7 else 0,  # noqa: PLR2004
        service=said.get("dl_service", "").replace("\x00", "")[:40],
    )
