"""The version of a basket: rising, never repeated, and what `If-Match` guards."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.basket import operations, queries
from apps.basket.repository import key_of
from shared.testing.tokens import ALICE
from tests.basket.shop import (
    BASKET,
    CUP,
    PEN,
    archive,
    item_url,
    know_every_product,
    offer,
    ordered,
    quantities,
    take_out,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

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


CHANGES = pytest.mark.parametrize("what", ["set", "replace", "remove", "clear"])


@CHANGES
def test_a_stale_if_match_changes_nothing(customer_client: APIClient, what: str) -> None:
    stale = customer_client.put(item_url(PEN), {"quantity": 1})["ETag"]
    answer = customer_client.put(item_url(CUP), {"quantity": 1})
    now, version = answer["ETag"], answer.json()["version"]

    for tag in (
        stale,
        f"W/{now}",
        '"x"',
        "garbage",
        "",
        f'{now[:-1]}0"',
        now[1:-1],
        f'"{version}"',
        f'"x {now[1:-1]} y"',
    ):
        assert change(customer_client, what, tag) == 412, tag

    assert customer_client.get(BASKET).json() == answer.json()


@CHANGES
@pytest.mark.parametrize("template", ["{}", '"1", {}', "*"])
def test_a_good_if_match_lets_the_change_through(
    customer_client: APIClient, what: str, template: str
) -> None:
    answer = customer_client.put(item_url(PEN), {"quantity": 1})

    assert change(customer_client, what, template.format(answer["ETag"])) < 300

    after = customer_client.get(BASKET).json()
    assert quantities(after) == ({PEN: 7} if what == "set" else {})
    assert after["version"] > answer.json()["version"]


@CHANGES
def test_a_price_that_changed_is_another_basket(customer_client: APIClient, what: str) -> None:
    """Red when the tag is made from the version alone: the customer changes what they were never shown."""
    seen = customer_client.put(item_url(PEN), {"quantity": 1})["ETag"]
    offer(PEN, "Pen", "1.30", version=2)

    assert change(customer_client, what, seen) == 412
    assert change(customer_client, what, customer_client.get(BASKET)["ETag"]) < 300


@CHANGES
def test_a_change_of_any_basket_but_this_one_changes_nothing(customer_client: APIClient, what: str) -> None:
    """Red when If-None-Match is not read for a change."""
    answer = customer_client.put(item_url(PEN), {"quantity": 1})
    tag = answer["ETag"]

    for tags in ("*", tag, f"W/{tag}", f'"1", {tag}'):
        assert change(customer_client, what, tags, "If-None-Match") == 412, tags

    assert customer_client.get(BASKET).json() == answer.json()
    assert change(customer_client, what, f'{tag[:-1]}0"', "If-None-Match") < 300


def retag(client: APIClient, tags: str, header: str = "If-None-Match") -> tuple[int, str]:
    """Read the basket with a precondition; the status and the tag that holds."""
    answer = client.get(BASKET, headers={header: tags})
    assert (answer.status_code == 304) == (answer.content == b"")
    return answer.status_code, answer["ETag"]


def test_what_is_known_is_not_sent_again(customer_client: APIClient) -> None:
    tag = customer_client.put(item_url(PEN), {"quantity": 1})["ETag"]

    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        assert retag(customer_client, known) == (304, tag), known
    for other in ('"x"', "", "garbage", f'{tag[:-1]}0"'):
        assert retag(customer_client, other) == (200, tag), other
    assert retag(customer_client, tag, "If-Match") == (200, tag)
    assert retag(customer_client, '"x"', "If-Match") == (412, tag)
    assert "no-cache" in customer_client.get(BASKET)["Cache-Control"]


WHAT_OTHERS_DO: dict[str, Callable[[], object]] = {
    "a price": lambda: offer(PEN, "Pen", "1.21", version=2),
    "a name": lambda: offer(PEN, "Golden pen", "1.20", version=2),
    "a currency": lambda: offer(PEN, "Pen", "1.20", version=2, currency="USD"),
    "archived": lambda: archive(PEN),
    "another line's price": lambda: offer(CUP, "Cup", "8.51", version=2),
    "a line's end": lambda: archive(CUP),
    "an order": lambda: take_out(ordered((PEN, 1))),
}


@pytest.mark.parametrize("what", WHAT_OTHERS_DO)
def test_the_tag_changes_with_everything_that_is_shown(customer_client: APIClient, what: str) -> None:
    """Red when one of these is left out of `tag_of` in basket.lua."""
    operations.replace(ALICE, [(PEN, 2), (CUP, 1)])
    before = customer_client.get(BASKET)

    WHAT_OTHERS_DO[what]()

    status, tag = retag(customer_client, before["ETag"])
    assert (status, tag == before["ETag"]) == (200, False)
    assert customer_client.get(BASKET).json() != before.json()
    assert retag(customer_client, tag) == (304, tag)


def test_the_tag_stays_where_nothing_that_is_shown_changed(customer_client: APIClient) -> None:
    """A product whose description, or whose category, is another now is no other basket."""
    before = customer_client.put(item_url(PEN), {"quantity": 1})

    offer(PEN, "Pen", "1.20", version=2)
    offer(CUP, "Cup", "9.00", version=2)

    assert retag(customer_client, before["ETag"]) == (304, before["ETag"])


def test_no_two_baskets_have_one_tag(redis: Any) -> None:
    """Names may hold what stands between the parts. Red without the length before each copy in `tag_of`."""
    tags = set()
    for name, next_name in (("A", f"B {CUP}:1:21:1 EUR 1.00 C"), (f"A {CUP}:1:21:1 EUR 1.00 B", "C")):
        redis.set(key_of(ALICE), f"7 {PEN}:1 {CUP}:1")
        redis.delete("catalogue")
        offer(PEN, name, "1.00")
        offer(CUP, next_name, "1.00")
        tags.add(queries.basket_of(ALICE).tag)
    assert len(tags) == 2


def test_the_page_for_people_is_another_representation(customer_client: APIClient) -> None:
    tag = customer_client.put(item_url(PEN), {"quantity": 1})["ETag"]

    page = customer_client.get(BASKET, headers={"Accept": BROWSER, "If-None-Match": tag})

    assert (page.status_code, "ETag" in page) == (200, False)


def test_a_refusal_names_the_version_that_holds(customer_client: APIClient) -> None:
    now = customer_client.put(item_url(PEN), {"quantity": 1})

    refused = customer_client.delete(BASKET, HTTP_IF_MATCH='"1"')

    assert refused.json()["type"].endswith("/problems/precondition-failed")
    assert (refused.json()["version"], refused["ETag"]) == (now.json()["version"], now["ETag"])
