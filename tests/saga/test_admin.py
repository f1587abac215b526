"""Sagas and dead letters in the back office."""

from contextlib import suppress
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.saga import dead_letters, handlers, orchestrator
from apps.saga.admin import SagaAdmin
from apps.saga.admin import waiting as waiting_letters
from apps.saga.errors import KafkaAway
from apps.saga.models import DeadLetter, Saga
from shared.messaging.envelope import Raw
from shared.testing.tokens import ALICE, make_token
from tests.saga.test_orchestrator import submit

pytestmark = pytest.mark.django_db(transaction=True)

SAGAS, LETTERS = "/admin/saga/saga/", "/admin/saga/deadletter/"


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "wake", lambda *_: None)


@pytest.fixture
def sagas() -> list[Saga]:
    ids = [uuid4(), uuid4()]
    for order_id in ids:
        submit(order_id)
    orchestrator.advance(ids)
    Saga.objects.filter(order_id=ids[0]).update(is_stuck=True, deadline=None)
    return [Saga.objects.get(order_id=order_id) for order_id in ids]


@pytest.fixture
def letters(transactional_db: None) -> list[DeadLetter]:
    hostile = b'{"name": "<script>alert(1)</script>"}'
    dead_letters.collect(
        [
            Raw(
                "stock.events.dead-letter",
                0,
                offset,
                b"key",
                [("ce_id", b"1"), ("dl_service", b"saga")],
                hostile,
            )
            for offset in range(2)
        ]
    )
    return list(DeadLetter.objects.order_by("pk"))


def test_only_managers(trusted_realm: None) -> None:
    customer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
    for address in ("/admin/saga/", SAGAS, LETTERS):
        assert (Client().get(address).status_code, customer.get(address).status_code) == (401, 403)


def test_stuck_ones_and_others_share_a_page(mia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each saga is on one page, the stuck ones first. Red without `before` in `FirstPaginator.page`."""
    ids = [uuid4() for _ in range(5)]
    for order_id in ids:
        submit(order_id)
    Saga.objects.filter(order_id__in=(ids[0], ids[2], ids[3])).update(is_stuck=True)
    monkeypatch.setattr(SagaAdmin, "list_per_page", 2)
    pages = [mia.get(SAGAS, {"p": number}).context["cl"].result_list for number in (1, 2, 3)]
    shown = [[saga.order_id for saga in page] for page in pages]
    assert shown == [[ids[3], ids[2]], [ids[0], ids[4]], [ids[1]]]
    by_age = mia.get(SAGAS, {"o": "5"}).context["cl"].result_list
    assert [saga.order_id for saga in by_age] == ids[:2]


def test_what_is_stuck_comes_first_and_is_tried_again(mia: Client, sagas: list[Saga]) -> None:
    page = mia.get(SAGAS).content.decode()
    assert page.index(str(sagas[0].order_id)) < page.index(str(sagas[1].order_id))
    only = mia.get(SAGAS, {"shown": "stuck"}).content.decode()
    assert str(sagas[0].order_id) in only
    assert str(sagas[1].order_id) not in only
    one = mia.get(f"{SAGAS}{sagas[0].pk}/change/").content.decode()
    assert "reserve-stock" in one
    assert "started" in one
    assert "Retry the current step" in one
    page = mia.post(f"{SAGAS}{sagas[0].pk}/do/retry/", follow=True).content.decode()
    assert "1 tried again." in page
    assert not Saga.objects.filter(is_stuck=True).exists()


def test_one_is_found_by_its_order(mia: Client, sagas: list[Saga]) -> None:
    page = mia.get(SAGAS, {"q": str(sagas[1].order_id)}).content.decode()
    assert str(sagas[1].order_id) in page
    assert str(sagas[0].order_id) not in page
    assert mia.get(SAGAS, {"q": "x' OR 1=1"}).status_code == 200


def test_dead_letters_are_shown_as_text(mia: Client, letters: list[DeadLetter]) -> None:
    page = mia.get(f"{LETTERS}{letters[0].pk}/change/").content.decode()
    assert "&quot;name&quot;" in page
    assert "ce_id" in page
    assert "<script>alert" not in page


def test_many_are_discarded_after_a_question(mia: Client, letters: list[DeadLetter]) -> None:
    chosen = {"action": "discard_selected", "_selected_action": [letter.pk for letter in letters]}
    assert b"Discard these messages permanently?" in mia.post(LETTERS, chosen).content
    assert set(DeadLetter.objects.values_list("status", flat=True)) == {"waiting"}
    page = mia.post(LETTERS, {**chosen, "confirmed": "yes"}, follow=True).content
    assert b"2 discarded." in page
    assert set(DeadLetter.objects.values_list("status", flat=True)) == {"discarded"}
    again = mia.post(LETTERS, {**chosen, "confirmed": "yes"}, follow=True).content.decode()
    assert "discarded already" in again


@pytest.mark.parametrize("what", ["saga", "letter"])
def test_who_comes_back_from_a_sign_in_is_led_to_the_page(
    mia: Client, sagas: list[Saga], letters: list[DeadLetter], what: str
) -> None:
    """Red with `require_POST`, and where a GET tries again."""
    page = f"{SAGAS}{sagas[0].pk}/" if what == "saga" else f"{LETTERS}{letters[0].pk}/"
    answer = mia.get(f"{page}do/{'retry' if what == 'saga' else 'discard'}/")
    assert (answer.status_code, answer["Location"]) == (302, f"{page}change/")
    assert Saga.objects.filter(is_stuck=True).count() == 1


def test_what_cannot_be_reached_ends_it_for_all(
    mia: Client, letters: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red where a problem of 503 is told for each of a thousand rows, each after its time of waiting."""
    asked = []

    def away(pk: int) -> None:
        asked.append(pk)
        raise KafkaAway

    monkeypatch.setattr(dead_letters, "replay", away)
    chosen = {"action": "replay_selected", "_selected_action": [letter.pk for letter in letters]}
    page = mia.post(LETTERS, {**chosen, "confirmed": "yes"}, follow=True).content.decode()
    assert len(asked) == 1
    assert "and what comes after it" in page


def test_trying_everything_again_has_bounds(
    mia: Client, sagas: list[Saga], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without `MOST` in `for_each`."""
    monkeypatch.setattr("shared.admin.options.MOST", 1)
    everything = {"action": "retry_selected", "select_across": "1", "_selected_action": [str(sagas[0].pk)]}
    assert "at once are the most" in mia.post(SAGAS, everything, follow=True).content.decode()
    assert Saga.objects.filter(is_stuck=True).count() == 1


def test_letters_that_wait_are_found_by_their_index(letters: list[DeadLetter]) -> None:
    """Red without the index, or with a figure that sorts by the time."""
    waiting = DeadLetter.objects.filter(status="waiting")
    settled = [
        DeadLetter(topic="t", offset=at, partition=0, headers=[], payload=b"", status="replayed")
        for at in range(2000)
    ]
    DeadLetter.objects.bulk_create(settled)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE saga_deadletter")
    assert "dead_letter_waiting" in waiting.order_by("-id")[:50].explain()
    with CaptureQueriesContext(connection) as asked:
        figure = waiting_letters()
    assert (figure.count, figure.oldest_at) == (2, letters[0].created_at)
    with connection.cursor() as cursor:
        for each in asked:
            cursor.execute(f"EXPLAIN {each['sql']}")
            plan = str(cursor.fetchall())
            assert "dead_letter_waiting" in plan
            assert "Sort" not in plan


LEFT_OVER = {
    # it fails as two letters have one topic, and leaves an invalid index
    "unusable": "CREATE UNIQUE INDEX CONCURRENTLY dead_letter_waiting ON saga_deadletter (topic)",
    "finished": "CREATE INDEX dead_letter_waiting ON saga_deadletter (id DESC) WHERE status = 'waiting'",
}


@pytest.mark.parametrize("left", LEFT_OVER)
def test_a_migration_that_was_broken_off_is_run_again(letters: list[DeadLetter], left: str) -> None:
    """Red with AddIndexConcurrently: "relation already exists". It may also wait for longer than others may."""
    call_command("migrate", "saga", "0003", verbosity=0)
    try:
        with suppress(IntegrityError), connection.cursor() as cursor:
            cursor.execute(LEFT_OVER[left])
    finally:
        call_command("migrate", "saga", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indexrelid = 'dead_letter_waiting'::regclass"
        )
        is_valid, definition = cursor.fetchone()
    assert is_valid
    assert "(id DESC) WHERE" in definition


def test_what_needs_doing_in_numbers(mia: Client, sagas: list[Saga], letters: list[DeadLetter]) -> None:
    """Red where a settled letter, or a saga that runs, is something to do."""
    dead_letters.discard(letters[0].pk)
    figures = mia.get("/admin/saga/figures/").json()
    assert {name: each["count"] for name, each in figures.items()} == {"stuck": 1, "dead-letters": 1}
    assert all(each["oldest_at"] for each in figures.values())
