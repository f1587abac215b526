"""Who sees which saga, and what managers do with sagas and dead letters."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from apps.saga import dead_letters, handlers, orchestrator
from apps.saga.dead_letters import KEEP_SETTLED
from apps.saga.handlers import PERIODIC
from apps.saga.models import DeadLetter, Saga, SagaEvent
from shared import contracts as c
from shared.contracts.topics import DEAD_LETTER_DAYS
from shared.messaging.envelope import Raw
from shared.testing.messages import raw
from shared.testing.tokens import ALICE
from tests.saga.test_orchestrator import submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "wake", lambda: None)


@pytest.fixture
def saga() -> Saga:
    order_id = uuid4()
    submit(order_id)
    Saga.objects.update(customer_id=ALICE)
    orchestrator.advance([order_id])
    return Saga.objects.get()


def test_the_owner_reads_it(customer_client: APIClient, saga: Saga) -> None:
    page = customer_client.get("/api/sagas/", {"order_id": str(saga.order_id)}).json()
    assert page["count"] == 1
    shown = page["results"][0]
    assert shown.keys() == {"id", "kind", "order_id", "status", "deadline", "steps", "history", "trace_id"}
    assert shown["steps"][1].keys() == {"name", "status", "attempts", "started_at", "finished_at", "error"}
    assert shown["history"][0].keys() == {"at", "event", "detail"}
    assert (shown["kind"], shown["status"]) == ("order-placement", "running")
    assert customer_client.get(f"/api/sagas/{saga.pk}/").json() == shown


def test_another_customer_does_not(other_client: APIClient, saga: Saga) -> None:
    assert other_client.get("/api/sagas/").json()["count"] == 0
    assert other_client.get(f"/api/sagas/{saga.pk}/").status_code == 404


def test_a_manager_wakes_it(manager_client: APIClient, customer_client: APIClient, saga: Saga) -> None:
    assert customer_client.post(f"/api/sagas/{saga.pk}/retry/").status_code == 403
    answer = manager_client.post(f"/api/sagas/{saga.pk}/retry/")
    assert answer.status_code == 200
    assert answer.json()["steps"][1]["attempts"] == 2


def test_one_that_nobody_has_begun_is_begun(manager_client: APIClient) -> None:
    """Its events wait for a worker that is behind, or away."""
    submit(uuid4())
    answer = manager_client.post(f"/api/sagas/{Saga.objects.get().pk}/retry/")
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert answer.json()["steps"][1]["attempts"] == 1
    assert not SagaEvent.objects.exists()


def test_a_finished_one_cannot_be_woken(manager_client: APIClient, saga: Saga) -> None:
    Saga.objects.update(status="completed", step="", deadline=None)
    answer = manager_client.post(f"/api/sagas/{saga.pk}/retry/")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "saga-finished")


def test_one_of_a_later_release_is_left_to_it(manager_client: APIClient, saga: Saga) -> None:
    """Red when it is a 500, or put off."""
    Saga.objects.update(version=99, status="completed", step="", deadline=None)
    answer = manager_client.post(f"/api/sagas/{saga.pk}/retry/")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "saga-of-later-release")
    assert (Saga.objects.get().failures, Saga.objects.get().version) == (0, 99)


def test_nobody_gets_anything_without_a_token(anonymous_client: APIClient, saga: Saga) -> None:
    for path in ("/api/sagas/", f"/api/sagas/{saga.pk}/", "/api/dead-letters/"):
        assert anonymous_client.get(path).status_code == 401


@pytest.mark.parametrize("query", ["order_id=x", "status=nope", "page=0", "page_size=a&page=-1"])
def test_bad_queries(customer_client: APIClient, query: str) -> None:
    answer = customer_client.get(f"/api/sagas/?{query}")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_unknown_ids(manager_client: APIClient) -> None:
    for path in (f"/api/sagas/{uuid4()}/", "/api/sagas/x/", "/api/dead-letters/1/", "/api/dead-letters/x/"):
        assert manager_client.get(path).status_code == 404
    assert manager_client.post(f"/api/sagas/{uuid4()}/retry/").status_code == 404


def a_dead_letter(message_id: str) -> Raw:
    sent = raw(c.StockReserved(order_id=UUID(int=7)), message_id, offset=3)
    reasons = [
        ("dl_error", b"no"),
        ("dl_attempts", b"4"),
        ("dl_service", b"saga"),
        ("dl_at", b"2026-11-22T00:00:00Z"),
    ]
    return Raw(sent.topic + ".dead-letter", 0, 3, sent.key, [*sent.headers, *reasons], sent.payload)


def test_a_dead_letter_is_kept_once(manager_client: APIClient, customer_client: APIClient) -> None:
    dead_letters.collect([a_dead_letter("m-1")])
    dead_letters.collect([a_dead_letter("m-1")])
    page = manager_client.get("/api/dead-letters/").json()
    assert page["count"] == 1
    shown: dict[str, Any] = page["results"][0]
    assert (shown["topic"], shown["error"], shown["attempts"], shown["service"]) == (
        "stock.events",
        "no",
        4,
        "saga",
    )
    assert shown["headers"]["ce_id"] == "m-1"
    assert customer_client.get("/api/dead-letters/").status_code == 403


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe\x00", b"x" * 100_000])
def test_whatever_is_in_it(manager_client: APIClient, payload: bytes) -> None:
    dead_letters.collect(
        [Raw("stock.events.dead-letter", 0, 9, None, [("dl_attempts", b"\xff"), ("x", None)], payload)]
    )
    assert manager_client.get("/api/dead-letters/").status_code == 200


def test_replay_sends_the_same_id_again(manager_client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a real Kafka: the message is on the topic of who gave it up, with its id, and says where it belongs.

    Red when it is sent to the topic it came from: there it reaches everybody, and is the newest of its key.
    """
    monkeypatch.setattr(dead_letters, "SEND_TIMEOUT_MS", 30_000)
    monkeypatch.setattr(dead_letters, "TIMEOUT", 35.0)
    dead_letters._producer.cache_clear()
    message_id = f"replayed-{uuid4()}"
    dead_letters.collect([a_dead_letter(message_id)])
    letter = DeadLetter.objects.get()
    assert manager_client.post(f"/api/dead-letters/{letter.pk}/replay/").json()["status"] == "replayed"
    headers = _headers_on_kafka("saga.replays", message_id)
    assert headers.keys().isdisjoint({"dl_error", "dl_service"})
    assert headers["replay_topic"] == b"stock.events"
    assert manager_client.post(f"/api/dead-letters/{letter.pk}/discard/").status_code == 409


@pytest.mark.parametrize("service", ["", "nobody", "gateway"])
def test_a_letter_of_nobody_cannot_be_replayed(manager_client: APIClient, service: str) -> None:
    """It stays, to be discarded. Red when it is sent to its topic, or lost."""
    dead_letters.collect([a_dead_letter("m-3")])
    DeadLetter.objects.update(service=service)
    letter = DeadLetter.objects.get()
    answer = manager_client.post(f"/api/dead-letters/{letter.pk}/replay/")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "nobody-to-replay-to")
    assert manager_client.post(f"/api/dead-letters/{letter.pk}/discard/").json()["status"] == "discarded"


def _headers_on_kafka(topic: str, message_id: str) -> dict[str, bytes]:
    group = f"test-{uuid4()}"
    consumer = Consumer(
        {"bootstrap.servers": settings.ENVIRONMENT.kafka, "group.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        for _ in range(20_000):
            message = consumer.poll(60)
            assert message is not None, f"{message_id} did not arrive on {topic}"
            headers = dict(cast("list[tuple[str, bytes]]", message.headers() or []))
            if headers.get("ce_id") == message_id.encode():
                return headers
    finally:
        consumer.close()
    raise AssertionError(message_id)


def test_discard(manager_client: APIClient) -> None:
    dead_letters.collect([a_dead_letter("m-2")])
    letter = DeadLetter.objects.get()
    assert manager_client.post(f"/api/dead-letters/{letter.pk}/discard/").json()["status"] == "discarded"
    assert manager_client.post(f"/api/dead-letters/{letter.pk}/replay/").status_code == 409


def test_settled_letters_are_forgotten_when_kafka_has_forgotten_them(manager_client: APIClient) -> None:
    """What waits for a manager stays. Red when `outlived` takes it, or takes what Kafka can still bring again."""
    assert timedelta(days=2 * DEAD_LETTER_DAYS) < KEEP_SETTLED
    for number, (status, age) in enumerate(
        (status, age) for status in ("waiting", "replayed", "discarded") for age in (0.99, 1.01)
    ):
        dead_letters.collect([replace(a_dead_letter(f"m-{number}"), offset=number)])
        DeadLetter.objects.filter(offset=number).update(
            status=status, created_at=timezone.now() - KEEP_SETTLED * age
        )
    for job in PERIODIC:
        assert job.run() is False
    left = DeadLetter.objects.order_by("offset").values_list("offset", flat=True)
    assert list(left) == [0, 1, 2, 4]
