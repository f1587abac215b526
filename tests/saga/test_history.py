"""Who tried a saga again and settled a dead letter: from the API and the admin alike."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from rest_framework.test import APIClient

from apps.saga import dead_letters, handlers, orchestrator
from apps.saga.errors import KafkaAway
from apps.saga.models import DeadLetter, Saga
from shared.history.models import Change
from shared.messaging.envelope import Raw
from shared.messaging.models import OutboxMessage
from tests.saga.test_orchestrator import submit

pytestmark = pytest.mark.django_db(transaction=True)

SAGAS, LETTERS = "/admin/saga/saga/", "/admin/saga/deadletter/"


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "wake", lambda *_: None)


@pytest.fixture
def saga() -> Saga:
    """One that is stuck."""
    order_id = uuid4()
    submit(order_id)
    orchestrator.advance([order_id])
    Saga.objects.update(is_stuck=True, deadline=None)
    return Saga.objects.get()


@pytest.fixture
def letters(transactional_db: None) -> list[DeadLetter]:
    headers: Any = [("ce_id", b"1"), ("dl_service", b"saga")]
    dead_letters.collect(
        [Raw("stock.events.dead-letter", 0, offset, b"key", headers, b"{}") for offset in range(3)]
    )
    return list(DeadLetter.objects.order_by("pk"))


def told() -> list[tuple[str, str, str, str, dict[str, Any]]]:
    """Everything that is written down, oldest first."""
    found = Change.objects.order_by("id")
    return [(c.model, c.actor_name, c.source, c.action, c.differences) for c in found]


def test_a_saga_is_tried_again(mia: Client, manager_client: APIClient, saga: Saga) -> None:
    """Red without `record` in `wake_by_hand`."""
    mia.post(f"{SAGAS}{saga.pk}/do/retry/")
    manager_client.post(f"/api/sagas/{saga.pk}/retry/")
    assert told() == [
        ("saga", "mia", "admin", "tried again", {"status": ["stuck", "running"]}),
        ("saga", "mia", "api", "tried again", {}),
    ]
    page = mia.get(f"{SAGAS}{saga.pk}/history/").content.decode()
    assert "status: <del>stuck</del> → <ins>running</ins>" in page


def test_one_that_nobody_has_begun(manager_client: APIClient) -> None:
    """Begun and written down in one transaction. Red when `advance` commits by itself: see the next one."""
    submit(uuid4())
    manager_client.post(f"/api/sagas/{Saga.objects.get().pk}/retry/")
    assert [line[:4] for line in told()] == [("saga", "mia", "api", "tried again")]


def test_no_try_without_its_line(manager_client: APIClient) -> None:
    """Red without `transaction.atomic` around `wake_by_hand`: the saga is begun, and nobody did it."""
    submit(uuid4())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE history_change ADD CONSTRAINT is_full CHECK (false) NOT VALID")
    try:
        with pytest.raises(IntegrityError):
            manager_client.post(f"/api/sagas/{Saga.objects.get().pk}/retry/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE history_change DROP CONSTRAINT is_full")
    assert Saga.objects.get().step == ""
    assert not OutboxMessage.objects.exists()


def test_one_that_has_ended_has_no_line(mia: Client, manager_client: APIClient, saga: Saga) -> None:
    Saga.objects.update(status="completed", step="", deadline=None, is_stuck=False)
    assert manager_client.post(f"/api/sagas/{saga.pk}/retry/").status_code == 409
    mia.post(f"{SAGAS}{saga.pk}/do/retry/")
    assert told() == []


def test_what_moves_by_itself_has_none(saga: Saga) -> None:
    """Its timeline tells of it."""
    assert told() == []


def test_dead_letters(
    mia: Client, manager_client: APIClient, letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, however often it is asked for. Red without `record` in `dead_letters._settle`."""
    monkeypatch.setattr(dead_letters, "_produce", lambda _: None)
    manager_client.post(f"/api/dead-letters/{letters[0].pk}/replay/")
    for _ in range(2):
        mia.post(f"{LETTERS}{letters[1].pk}/do/discard/", {"confirmed": "yes"})
    assert manager_client.post(f"/api/dead-letters/{letters[1].pk}/discard/").status_code == 409
    assert told() == [
        ("deadletter", "mia", "api", "replayed", {"status": ["waiting", "replayed"]}),
        ("deadletter", "mia", "admin", "discarded", {"status": ["waiting", "discarded"]}),
    ]
    assert "discarded" in mia.get(f"{LETTERS}{letters[1].pk}/history/").content.decode()


def test_many_dead_letters(mia: Client, letters: list[DeadLetter]) -> None:
    chosen = [letter.pk for letter in letters]
    mia.post(LETTERS, {"action": "discard_selected", "_selected_action": chosen, "confirmed": "yes"})
    assert [line[1:4] for line in told()] == [("mia", "admin", "discarded")] * 3
    assert {int(key) for key in Change.objects.values_list("object_id", flat=True)} == set(chosen)


def test_a_replay_that_kafka_does_not_take_has_no_line(
    manager_client: APIClient, letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when the line has a transaction of its own."""

    def away(_: DeadLetter) -> None:
        raise KafkaAway

    monkeypatch.setattr(dead_letters, "_produce", away)
    assert manager_client.post(f"/api/dead-letters/{letters[0].pk}/replay/").status_code == 503
    assert told() == []
    assert DeadLetter.objects.filter(status="waiting").count() == 3


def test_what_cannot_be_written_down_is_not_sent(
    manager_client: APIClient, letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when `replay` sends first."""
    sent: list[DeadLetter] = []
    monkeypatch.setattr(dead_letters, "_produce", sent.append)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE history_change ADD CONSTRAINT is_full CHECK (false) NOT VALID")
    try:
        with pytest.raises(IntegrityError):
            manager_client.post(f"/api/dead-letters/{letters[0].pk}/replay/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE history_change DROP CONSTRAINT is_full")
    assert sent == []
    assert DeadLetter.objects.filter(status="waiting").count() == 3
