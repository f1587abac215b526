"""What one order costs the stores, from POST to the emptied basket, one buyer after the other: it cannot creep up unseen.

A statement too many costs nobody anything that a test would see, and a shop with many buyers everything. What the platform
does anyway (probes, relays that look, sweeps) is counted while nobody buys, and taken off.
"""

import time

import pytest

from tests.system.conftest import NewShopper, Settle
from tests.system.counting import Counters
from tests.system.platform import INSTANCE, Platform
from tests.system.shop import Shop
from tests.system.sockets import listening

ORDERS = 20
# An order's share of what is not regular: a sweep or a purge that came in one of the two windows, a poll more.
AROUND = 0.5
MESSAGES = {  # exact: a message more is a consumer's transaction more, somewhere
    "order.events": 2,  # submitted, confirmed
    "order.commands": 1,
    "stock.commands": 2,  # reserve, commit
    "stock.events": 4,  # reserved, committed, and how many are left after each
    "basket.commands": 1,
}
# Statements are about two above what was counted on a busy machine (12, 20, 24, 6), commits about five: how often a relay looks once
# more depends on who is quicker. Rows are exact. Lower them with each step that costs less.
MOST = {
    "order statements": 14,
    "stock statements": 22,
    "saga statements": 26,
    "notification statements": 7,
    "order commits": 14,
    "stock commits": 13,
    "saga commits": 25,
    "notification commits": 2,
    "order rows": 8,
    "stock rows": 15,
    "saga rows": 16,
    "notification rows": 3,
    "redis commands": 11,
    "redis connections": 0,
    "postgres connections": 0,
}


@pytest.fixture(scope="module")
def cost(platform: Platform, settle: Settle, shop: Shop, new_shopper: NewShopper) -> dict[str, float]:
    """What an order costs of everything that is counted, beyond what happens anyway."""
    piece, buyer = shop.product(stock=ORDERS + 1), new_shopper()
    assert buyer.log_in
    counters = Counters(platform.urls, INSTANCE.logs / "postgres.log")
    with counters.counting(), listening(platform.urls["gateway"], buyer.log_in.token) as feed:
        feed.until(buyer.place((piece, 1)), "order.confirmed")  # connections are open, the customer is known
        settle()
        begun, nothing = time.monotonic(), counters.look()
        idle, before = time.monotonic(), counters.look()
        for _ in range(ORDERS):
            feed.until(buyer.place((piece, 1)), "order.confirmed")
        after, ended = counters.look(), time.monotonic()
    anyway = (ended - idle) / (idle - begun)
    return {
        name: (after[name] - before[name] - anyway * (before[name] - nothing[name])) / ORDERS
        for name in after
    }


def test_its_messages_are_those_of_the_contract(cost: dict[str, float]) -> None:
    """Red when a service says something twice, or something more."""
    assert {name: cost[f"{name} messages"] for name in MESSAGES} == MESSAGES
    assert sum(value for name, value in cost.items() if name.endswith(" messages")) == sum(MESSAGES.values())


@pytest.mark.parametrize("name", MOST)
def test_it_costs_no_more_than(cost: dict[str, float], name: str) -> None:
    """Red when a step asks its store once more than it did, as with a look at the inbox for each message by itself."""
    assert cost[name] <= MOST[name] + AROUND, {each: round(cost[each], 1) for each in MOST}
