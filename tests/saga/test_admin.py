"""Sagas and dead letters in the back office."""

from uuid import uuid4

import pytest
from django.test import Client

from apps.saga import dead_letters, handlers, orchestrator
from apps.saga.admin import SagaAdmin
from apps.saga.models import DeadLetter, Saga
from shared.messaging.envelope import Raw
from shared.testing.tokens import ALICE, MIA, make_token
from tests.saga.test_orchestrator import submit

pytestmark = pytest.mark.django_db(transaction=True)

SAGAS, LETTERS = "/admin/saga/saga/", "/admin/saga/deadletter/"


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "wake", lambda *_: None)


@pytest.fixture
def mia(trusted_realm: None) -> Client:
    return Client(headers={"authorization": f"Bearer {make_token(MIA, ('manager',))}"})


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
    assert "Try the current step again" in one
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
    assert b"Discard these messages for good?" in mia.post(LETTERS, chosen).content
    assert set(DeadLetter.objects.values_list("status", flat=True)) == {"waiting"}
    page = mia.post(LETTERS, {**chosen, "confirmed": "yes"}, follow=True).content
    assert b"2 discarded." in page
    assert set(DeadLetter.objects.values_list("status", flat=True)) == {"discarded"}
    again = mia.post(LETTERS, {**chosen, "confirmed": "yes"}, follow=True).content.decode()
    assert "discarded already" in again


def test_what_needs_doing_in_numbers(mia: Client, sagas: list[Saga], letters: list[DeadLetter]) -> None:
    """Red where a settled letter, or a saga that runs, is something to do."""
    dead_letters.discard(letters[0].pk)
    figures = mia.get("/admin/saga/figures/").json()
    assert {name: each["count"] for name, each in figures.items()} == {"stuck": 1, "dead-letters": 1}
    assert all(each["oldest_at"] for each in figures.values())
