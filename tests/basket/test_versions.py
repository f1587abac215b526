"""The version of a basket: rising, never repeated, and what `If-Match` guards."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.basket import operations, queries
from apps.basket.store import key_of
from shared.testing.tokens import ALICE
from tests.basket.shop import (
    BASKET,
    CUP,
    PEN,
    item_url,
    know_every_product,
    offer,
    ordered,
    quantities,
    take_out,
)

pytestmark = pytest.mark.usefixtures("catalogue")


def test_every_change_makes_a_higher_version() -> None:
    versions = [
        operations.set_line(ALICE, PEN, 1).version,
        operations.set_line(ALICE, PEN, 1).version,
        operations.set_line(ALICE, CUP, 2).version,
        operations.remove_line(ALICE, PEN).version,
        operations.replace(ALICE, [(PEN, 1)]).version,
        operations.clear(ALICE).version,
        operations.set_line(ALICE, PEN, 1).version,
    ]
    take_out(ordered((PEN, 1)))
    versions.append(queries.basket_of(ALICE).version)

    assert versions == sorted(set(versions))


def test_a_version_rises_when_the_clock_goes_back(redis: Any) -> None:
    ahead = int(redis.time()[0] + 3600) * 1_000_000
    redis.set(key_of(ALICE), f"{ahead} {PEN}:1")

    assert operations.set_line(ALICE, PEN, 2).version == ahead + 1
    assert operations.set_line(ALICE, PEN, 3).version == ahead + 2


def test_what_changes_nothing_makes_no_version() -> None:
    version = operations.set_line(ALICE, PEN, 1).version

    assert operations.remove_line(ALICE, CUP).version == version
    assert take_out(ordered((CUP, 1))) == 1
    assert queries.basket_of(ALICE).version == version
    emptied = operations.clear(ALICE).version
    assert operations.clear(ALICE).version == emptied > version


def test_a_version_is_not_repeated_after_redis_was_emptied(redis: Any) -> None:
    before = [operations.set_line(ALICE, PEN, 1).version for _ in range(5)]

    redis.flushdb()
    know_every_product()
    offer(PEN, "Pen", "1.20")

    assert operations.set_line(ALICE, PEN, 1).version > max(before)


def change(client: APIClient, what: str, tags: str, header: str = "If-Match") -> int:
    """Send one kind of change with a precondition; returns the status."""
    headers = {header: tags}
    sent = {
        "set": lambda: client.put(item_url(PEN), {"quantity": 7}, headers=headers),
        "replace": lambda: client.put(BASKET, {"items": []}, headers=headers),
        "remove": lambda: client.delete(item_url(PEN), headers=headers),
        "clear": lambda: client.delete(BASKET, headers=headers),
    }
    return sent[what]().status_code


@pytest.mark.parametrize("what", ["set", "replace", "remove", "clear"])
def test_a_stale_if_match_changes_nothing(customer_client: APIClient, what: str) -> None:
    stale = customer_client.put(item_url(PEN), {"quantity": 1})["ETag"]
    now = customer_client.put(item_url(CUP), {"quantity": 1}).json()

    for tag in (stale, f'W/"{now["version"]}"', '"x"', "garbage", "", f'"{now["version"]}0"'):
        assert change(customer_client, what, tag) == 412, tag

    assert customer_client.get(BASKET).json() == now


@pytest.mark.parametrize("what", ["set", "replace", "remove", "clear"])
@pytest.mark.parametrize("template", ['"%d"', '"1", "%d"', "*"])
def test_a_good_if_match_lets_the_change_through(
    customer_client: APIClient, what: str, template: str
) -> None:
    version = customer_client.put(item_url(PEN), {"quantity": 1}).json()["version"]

    assert change(customer_client, what, template.replace("%d", str(version))) < 300

    after = customer_client.get(BASKET).json()
    assert quantities(after) == ({PEN: 7} if what == "set" else {})
    assert after["version"] > version


@pytest.mark.parametrize("what", ["set", "replace", "remove", "clear"])
def test_a_change_of_any_basket_but_this_one_changes_nothing(customer_client: APIClient, what: str) -> None:
    """Red when If-None-Match is not read for a change."""
    now = customer_client.put(item_url(PEN), {"quantity": 1}).json()
    tag = f'"{now["version"]}"'

    for tags in ("*", tag, f"W/{tag}", f'"1", {tag}'):
        assert change(customer_client, what, tags, "If-None-Match") == 412, tags

    assert customer_client.get(BASKET).json() == now
    assert change(customer_client, what, f'"{now["version"]}0"', "If-None-Match") < 300


def test_a_refusal_names_the_version_that_holds(customer_client: APIClient) -> None:
    version = customer_client.put(item_url(PEN), {"quantity": 1}).json()["version"]

    problem = customer_client.delete(BASKET, HTTP_IF_MATCH='"1"').json()

    assert problem["type"].endswith("/problems/precondition-failed")
    assert problem["version"] == version
