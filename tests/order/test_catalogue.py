"""What the order service knows of the catalogue, and what an order says of what it was priced by."""

from functools import partial

import pytest
from django.db import transaction
from hypothesis import given, settings
from rest_framework.test import APIClient

from apps.order.handlers import HANDLERS
from apps.order.models import ProductCopy
from apps.order.product_copy import copy_products
from shared.contracts import OrderSubmitted
from shared.messaging.dispatch import dispatch
from shared.messaging.inbox import SqlInbox
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received
from tests.catalogue import Telling, tellings
from tests.order.conftest import ADDRESS, CUP, TEA, product

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("shop")
def test_an_order_names_the_version_that_each_price_is_of(customer_client: APIClient) -> None:
    copy_products([received(product(TEA, "3.00", version=7))])
    items = [{"product_id": each, "quantity": 1} for each in (TEA, CUP)]

    answer = customer_client.post(
        "/api/orders/", {"shipping_address": ADDRESS, "items": items}, format="json"
    )

    assert answer.status_code == 201
    submitted = OrderSubmitted.model_validate_json(OutboxMessage.objects.get().payload)
    assert [(item.product_id, item.product_version) for item in submitted.items] == [(TEA, 7), (CUP, 1)]


@settings(max_examples=100, deadline=None)
@given(telling=tellings)
def test_the_copy_is_a_prefix_of_the_catalogues_history(telling: Telling) -> None:
    """Red without the comparison of versions in `product_copy.UPSERT`, or where a batch is not taken as a whole."""
    with transaction.atomic():
        for events, catalogue in telling.told():
            SqlInbox().handle([received(event) for event in events], partial(dispatch, handlers=HANDLERS))

            fields = ("name", "price", "currency", "is_active", "version")
            rows = {row.product_id: row for row in ProductCopy.objects.all()}
            assert {key: [getattr(row, name) for name in fields] for key, row in rows.items()} == {
                key: [getattr(event, name) for name in fields] for key, event in catalogue.items()
            }
        transaction.set_rollback(True)
