"""The pages of sagas and dead letters."""

import pytest
from rest_framework.test import APIClient

from apps.saga.models import DeadLetter, Saga
from shared.testing.tokens import ALICE
from tests.pages import links, page

pytestmark = pytest.mark.django_db


def test_a_dead_letter_is_settled_on_pages(manager_client: APIClient) -> None:
    """Hostile payloads are text; what is settled says so. Red with `mark_safe`, and without `_is_settled`."""
    letter = DeadLetter.objects.create(
        topic="order.commands", partition=0, offset=1, headers=[], payload=b"<script>alert(1)</script>"
    )
    path = f"/api/dead-letters/{letter.pk}/"
    text = page(manager_client, path)
    assert {f"{path}replay/", f"{path}discard/"} <= links(text)
    assert "<script>" not in text
    assert "<button>Replay this message</button>" in page(manager_client, f"{path}replay/")
    DeadLetter.objects.update(status=DeadLetter.Status.DISCARDED)
    for action in ("replay", "discard"):
        assert "This message was discarded already." in page(manager_client, f"{path}{action}/")


def test_a_saga_that_has_ended_is_not_woken(manager_client: APIClient, customer_client: APIClient) -> None:
    """Red without `_has_ended`, and where a customer is led to a manager's page."""
    order_id = "0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b"
    saga = Saga.objects.create(order_id=order_id, customer_id=ALICE, status="completed", items=[])
    path = f"/api/sagas/{saga.pk}/"
    assert "This saga is completed" in page(manager_client, f"{path}retry/")
    own = links(page(customer_client, path))
    assert f"/api/orders/{order_id}/" in own
    assert f"{path}retry/" not in own
