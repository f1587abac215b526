"""The consumer with real Kafka: what is published takes effect once, and what Redis loses comes back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import TopicPartition
from django.conf import settings
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.basket.errors import CatalogueIncomplete
from apps.basket.product_copy import WHOLE, sold
from apps.basket.repository import key_of
from shared.contracts.topics import BASKET_COMMANDS
from shared.testing.messages import raw
from shared.testing.tokens import ALICE
from tests.basket.servers import OwnRedis, consumer_running, new_group, publish, send, wait_until
from tests.basket.shop import BASKET, archived, item_url, ordered, quantities, updated


def new_id() -> str:
    """A product that no other test, and no earlier run of this one, has heard of."""
    return uuid4().hex[:24]


@pytest.fixture
def pen() -> Iterator[str]:
    """A product whose event is on Kafka; it is archived afterwards."""
    product_id = new_id()
    publish(updated(product_id, "Pen", "1.20", version=1))
    yield product_id
    publish(archived(product_id))


def is_sold(product_id: str) -> bool:
    try:
        return sold([product_id]) == {product_id}
    except CatalogueIncomplete:
        return False


def is_complete(redis: Any) -> bool:
    return bool(redis.exists(WHOLE))


def test_products_become_known_and_orders_leave(redis: Any, pen: str, customer_client: APIClient) -> None:
    with consumer_running():
        wait_until(lambda: is_complete(redis), "the catalogue is complete")
        assert customer_client.put(item_url(pen), {"quantity": 5}).status_code == 200

        publish(updated(pen, "Better pen", "1.50", version=2), ordered((pen, 2)))

        wait_until(
            lambda: quantities(customer_client.get(BASKET).json()) == {pen: 3}, "what was ordered left"
        )
        wait_until(lambda: customer_client.get(BASKET).json()["total"] == "4.50", "the new price shows")


def test_a_message_that_comes_three_times_takes_effect_once(
    redis: Any, pen: str, customer_client: APIClient
) -> None:
    with consumer_running():
        wait_until(lambda: is_sold(pen), "the pen is known")
        customer_client.put(item_url(pen), {"quantity": 10})

        command = ordered((pen, 2))
        publish(command, command, command, ids=("same",) * 3)
        publish(ordered((pen, 1)))  # of the same key, so after the three

        wait_until(lambda: quantities(customer_client.get(BASKET).json())[pen] <= 7, "all four were handled")
        assert quantities(customer_client.get(BASKET).json()) == {pen: 7}


def test_replaying_every_topic_changes_nothing(redis: Any, pen: str, customer_client: APIClient) -> None:
    with consumer_running():
        wait_until(lambda: is_sold(pen), "the pen is known")
        customer_client.put(item_url(pen), {"quantity": 10})
        publish(ordered((pen, 2)))
        wait_until(
            lambda: quantities(customer_client.get(BASKET).json()) == {pen: 8}, "what was ordered left"
        )

    publish(ordered((pen, 1)))
    with consumer_running(new_group(replay=True)):
        wait_until(lambda: quantities(customer_client.get(BASKET).json())[pen] <= 7, "the last order left")
        assert quantities(customer_client.get(BASKET).json()) == {pen: 7}


def test_a_broken_message_is_a_dead_letter_and_the_next_is_handled(
    pen: str, customer_client: APIClient
) -> None:
    group = new_group()
    with consumer_running(group):
        wait_until(lambda: is_sold(pen), "the pen is known")
        customer_client.put(item_url(pen), {"quantity": 3})
        good = raw(ordered((pen, 1)), id=f"broken-{pen}")
        partition = send(replace(good, payload=good.payload.replace(b'"quantity":1', b'"quantity":-1')))
        publish(ordered((pen, 1)))

        wait_until(
            lambda: quantities(customer_client.get(BASKET).json()) == {pen: 2}, "the good one was handled"
        )
    ours = [letter for letter in dead_letters(partition) if letter["dl_service"] == group.encode()]
    assert [letter["ce_id"] for letter in ours] == [f"broken-{pen}".encode()]
    assert b"quantity" in ours[0]["dl_error"]


def dead_letters(partition: int) -> list[dict[str, Any]]:
    """The headers of the dead letters in one partition."""
    reader = KafkaConsumer({"bootstrap.servers": settings.ENVIRONMENT.kafka, "group.id": f"test-{uuid4()}"})
    place = TopicPartition(BASKET_COMMANDS.dead_letter, partition)
    low, high = reader.get_watermark_offsets(place, timeout=10)
    place.offset = max(low, high - 20)
    reader.assign([place])
    found = reader.consume(high - place.offset, timeout=10)
    reader.close()
    return [dict[str, Any](message.headers() or []) for message in found]


def test_an_emptied_redis_gets_its_catalogue_back(redis: Any, pen: str, customer_client: APIClient) -> None:
    with consumer_running():
        wait_until(lambda: is_complete(redis), "the catalogue is complete")
        customer_client.put(item_url(pen), {"quantity": 5})
        publish(ordered((pen, 1)))
        wait_until(
            lambda: quantities(customer_client.get(BASKET).json()) == {pen: 4}, "what was ordered left"
        )

        redis.flushdb()
        assert customer_client.get(BASKET).json()["items"] == []

        wait_until(
            lambda: customer_client.put(item_url(pen), {"quantity": 5}).status_code != 503, "an answer"
        )
        assert quantities(customer_client.get(BASKET).json()) == {pen: 5}
        wait_until(lambda: is_complete(redis), "the catalogue is complete again")
        publish(ordered((pen, 1)))
        # The order from before is not taken out of the new basket, the one from after is.
        wait_until(lambda: quantities(customer_client.get(BASKET).json())[pen] <= 4, "the new order left")
        assert quantities(customer_client.get(BASKET).json()) == {pen: 4}
        assert customer_client.put(item_url(new_id()), {"quantity": 1}).status_code == 404


def test_redis_was_emptied_while_no_consumer_ran(redis: Any, pen: str) -> None:
    group = new_group()
    with consumer_running(group):
        wait_until(lambda: is_complete(redis), "the catalogue is complete")

    redis.flushdb()

    with consumer_running(group):
        wait_until(lambda: is_complete(redis), "the catalogue is complete again")
        assert is_sold(pen)


def test_two_replicas_rebuild_together(redis: Any, pen: str) -> None:
    group = new_group()
    with consumer_running(group), consumer_running(group):
        wait_until(lambda: is_complete(redis), "the catalogue is complete")

        redis.flushdb()

        wait_until(lambda: is_complete(redis), "the catalogue is complete again")
        assert is_sold(pen)


def test_what_a_crash_of_redis_loses_is_read_again(
    settings: Settings, tmp_path: Path, pen: str, customer_client: APIClient
) -> None:
    server = OwnRedis(tmp_path)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
    with consumer_running():
        wait_until(lambda: is_complete(server.client), "the catalogue is complete")
        customer_client.put(item_url(pen), {"quantity": 5})
        publish(ordered((pen, 1)))
        wait_until(
            lambda: quantities(customer_client.get(BASKET).json()) == {pen: 4}, "what was ordered left"
        )
        server.snapshot()

        publish(ordered((pen, 1)), updated(pen, "New pen", "2.00", version=2))
        wait_until(lambda: customer_client.get(BASKET).json()["total"] == "6.00", "both were handled")
        server.kill()
        server.start()
        lost = server.client.get(key_of(ALICE))
        assert lost is not None
        assert lost.endswith(b":4")

        wait_until(lambda: customer_client.get(BASKET).json()["total"] == "6.00", "both were handled again")
    server.kill()
