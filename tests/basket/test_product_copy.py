"""The copy of the catalogue: the newest version wins, and nothing is denied while the copy is incomplete."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from rest_framework.test import APIClient

from apps.basket import offset_recovery, operations
from apps.basket.errors import CatalogueIncomplete
from apps.basket.product_copy import COMPLETE, WHOLE, ProductCopy, copy_products, parse, sold
from shared.testing.messages import received
from shared.testing.tokens import ALICE
from tests.basket.shop import BASKET, CUP, HAT, PEN, UNKNOWN, archive, item_url, offer, quantities, updated
from tests.catalogue import Telling, tellings


@pytest.mark.usefixtures("catalogue")
def test_an_older_event_that_comes_late_changes_nothing(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})

    offer(PEN, "Newest", "3.00", version=10)
    offer(PEN, "Older", "2.00", version=9)
    offer(PEN, "Same", "2.00", version=10)
    archive(CUP, version=1)

    assert customer_client.get(BASKET).json()["items"][0]["name"] == "Newest"
    assert sold([PEN, CUP]) == {PEN, CUP}


@pytest.mark.usefixtures("catalogue")
def test_a_batch_keeps_the_newest_of_each_product(redis: Any) -> None:
    events = [updated(PEN, f"Pen {n}", "1.00", version=n) for n in (2, 5, 3)] + [
        updated(CUP, "Cup 2", "1.00", version=2)
    ]

    copy_products([received(event) for event in events])

    names = [copy.decode().split(" ", 4)[4] for copy in redis.hmget("catalogue", [PEN, CUP])]
    assert names == ["Pen 5", "Cup 2"]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("name", ["5 1 EUR 0.01 x", "  two  spaces ", "ümläut ☕ 🖋", "a:b\tc"])
def test_a_name_is_kept_as_it_is(customer_client: APIClient, name: str) -> None:
    offer(PEN, name, "1.20", version=2)

    assert customer_client.put(item_url(PEN), {"quantity": 1}).json()["items"][0]["name"] == name


@pytest.mark.usefixtures("catalogue")
def test_a_large_version_is_compared_exactly() -> None:
    offer(PEN, "Pen", "1.00", version=2**53 - 2)
    archive(PEN, version=2**53 - 1)

    assert sold([PEN]) == set()


class TestIncomplete:
    """Redis was emptied, and the catalogue has not been read to its end again."""

    @pytest.fixture(autouse=True)
    def _half_a_catalogue(self, catalogue: None, redis: Any) -> None:
        redis.delete(WHOLE)

    def test_an_unknown_product_is_503_and_not_404(self, customer_client: APIClient) -> None:
        one = customer_client.put(item_url(UNKNOWN), {"quantity": 1})
        whole = customer_client.put(BASKET, {"items": [{"product_id": UNKNOWN, "quantity": 1}]})

        for response in (one, whole):
            assert response.status_code == 503
            assert response["Retry-After"]
            assert response.json()["type"].endswith("/problems/store-unavailable")
            assert "rebuilt" in response.json()["detail"]

    def test_what_is_known_can_be_bought(self, customer_client: APIClient) -> None:
        assert customer_client.put(item_url(PEN), {"quantity": 1}).status_code == 200
        lines = [{"product_id": PEN, "quantity": 2}, {"product_id": CUP, "quantity": 1}]
        assert customer_client.put(BASKET, {"items": lines}).status_code == 200
        assert quantities(customer_client.get(BASKET).json()) == {PEN: 2, CUP: 1}

    def test_an_empty_basket_can_be_read_and_emptied(self, customer_client: APIClient) -> None:
        assert customer_client.get(BASKET).json()["items"] == []
        assert customer_client.delete(item_url(UNKNOWN)).status_code == 204

    def test_half_a_basket_is_not_shown(self, customer_client: APIClient, redis: Any) -> None:
        operations.replace(ALICE, [(PEN, 1), (HAT, 1)])
        redis.hdel("catalogue", HAT)

        assert customer_client.get(BASKET).status_code == 503
        offer(HAT, "Hat", "25.00")
        assert quantities(customer_client.get(BASKET).json()) == {PEN: 1, HAT: 1}

    def test_sold_says_that_it_cannot_know(self) -> None:
        assert sold([PEN]) == {PEN}
        with pytest.raises(CatalogueIncomplete):
            sold([PEN, UNKNOWN])


class TestWhole:
    """The copy is whole when all partitions were read that the topic has: one, or six of an earlier release."""

    @pytest.mark.parametrize("partitions", [1, 6])
    def test_after_the_last_partition(self, partitions: int, redis: Any) -> None:
        for number in range(partitions):
            assert not redis.exists(WHOLE)
            offset_recovery._complete(partitions, number)
        assert redis.exists(WHOLE)

    def test_as_a_release_before_has_left_it(self, redis: Any) -> None:
        """It said of each partition that it was read, and of the whole nothing."""
        redis.sadd(COMPLETE, *range(6))
        offset_recovery._complete(6)
        assert redis.exists(WHOLE)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(telling=tellings)
def test_the_copy_is_a_prefix_of_the_catalogues_history(telling: Telling, redis: Any) -> None:
    """Red without the comparison of versions in `copy_products.lua`, or where a batch is more than one script."""
    redis.flushdb()
    for events, catalogue in telling.told():
        copy_products([received(event) for event in events])

        copies = {key.decode(): parse(text) for key, text in redis.hgetall("catalogue").items()}
        assert copies == {
            key: ProductCopy(event.version, event.is_active, event.currency, event.price, event.name)
            for key, event in catalogue.items()
        }
