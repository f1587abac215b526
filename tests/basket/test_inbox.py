"""The inbox in Redis keeps what `shared.messaging.inbox.Inbox` promises."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apps.basket import operations, queries
from apps.basket.handlers import HANDLERS
from apps.basket.inbox import RedisInbox
from shared.contracts import Message
from shared.messaging.dispatch import dispatch
from shared.messaging.envelope import Raw, Received, decode
from shared.messaging.inbox import LEASE
from shared.testing.messages import raw
from shared.testing.tokens import ALICE, BOB
from tests.basket.shop import CUP, PEN, ordered, updated


@pytest.fixture
def inbox() -> RedisInbox:
    return RedisInbox()


def command(offset: int, customer: str = ALICE) -> Raw:
    return raw(ordered((PEN, 1), customer=customer), offset=offset)


def apply(batch: Sequence[Received[Message]]) -> None:
    dispatch(batch, HANDLERS)


def lease_over(redis: Any) -> None:
    """Let every parked message's time come."""
    for name in redis.keys("parked:*"):
        redis.hset(name, "next_try_at", 0)


def test_a_parked_message_comes_back_byte_for_byte(inbox: RedisInbox) -> None:
    odd = Raw(
        "basket.commands", 3, 17, b"\xff\x00 key", [("a", b"\xfe"), ("a", None), ("b", b"")], b"\x00\xff{"
    )
    without_key = Raw("basket.commands", 3, 18, None, [], b"")

    inbox.park([odd, without_key])

    found = [inbox.claim(), inbox.claim()]
    assert [parked.raw for parked in found if parked] == [odd, without_key]
    assert inbox.parked_keys() == {("basket.commands", b"\xff\x00 key"), ("basket.commands", None)}


def test_parking_is_safe_to_repeat(inbox: RedisInbox, redis: Any) -> None:
    inbox.park([command(1)])
    first = inbox.claim()
    inbox.park([command(1)])

    lease_over(redis)
    again = inbox.claim()
    assert first is not None
    assert again is not None
    assert (again.id, again.starts) == (first.id, 2)
    inbox.drop(again)
    assert (inbox.claim(), inbox.parked_keys(), redis.keys("parked*")) == (None, set(), [])


def test_the_oldest_of_a_key_comes_first_and_holds_up_only_its_key(inbox: RedisInbox) -> None:
    inbox.park([command(9), command(10), command(11, BOB)])

    first, second, third = inbox.claim(), inbox.claim(), inbox.claim()

    assert first is not None
    assert second is not None
    assert [(parked.raw.offset, parked.raw.key) for parked in (first, second)] == [
        (9, ALICE.encode()),
        (11, BOB.encode()),
    ]
    assert third is None
    inbox.drop(first)
    third = inbox.claim()
    assert third is not None
    assert third.raw.offset == 10


def test_the_catalogue_is_in_order_as_a_whole(inbox: RedisInbox) -> None:
    """Red without the topics in order among the arguments of `claim.lua`."""
    pen, cup = (raw(updated(each, "Thing", "1.00"), offset=at) for at, each in enumerate((PEN, CUP)))
    inbox.park([pen, cup])

    first = inbox.claim()

    assert first is not None
    assert (first.raw.key, inbox.claim()) == (PEN.encode(), None)
    inbox.drop(first)
    second = inbox.claim()
    assert second is not None
    assert second.raw.key == CUP.encode()


def test_offsets_are_ordered_as_numbers(inbox: RedisInbox) -> None:
    inbox.park([command(100), command(99)])

    first = inbox.claim()

    assert first is not None
    assert first.raw.offset == 99


def test_a_claim_holds_for_its_lease_and_every_try_is_counted(inbox: RedisInbox, redis: Any) -> None:
    inbox.park([command(1)])
    parked = inbox.claim()
    assert parked is not None
    assert (parked.starts, parked.failures, parked.crashes) == (1, 0, 0)

    assert inbox.claim() is None
    seconds, microseconds = redis.time()
    until = int(redis.hget(f"parked:{parked.id}", "next_try_at") or 0)
    assert 0 < until - (seconds * 1000 + microseconds // 1000) <= LEASE.total_seconds() * 1000

    lease_over(redis)
    second = inbox.claim()
    assert second is not None
    assert (second.starts, second.failures, second.crashes) == (2, 0, 1)


def test_a_failure_is_counted_and_waits(inbox: RedisInbox, redis: Any) -> None:
    inbox.park([command(1)])
    parked = inbox.claim()
    assert parked is not None

    inbox.put_off(parked, 60.0, "ValueError: no")

    assert inbox.claim() is None
    kept = redis.hgetall(f"parked:{parked.id}")
    wait = int(kept[b"next_try_at"]) - int(redis.time()[0]) * 1000
    assert (kept[b"failures"], kept[b"error"]) == (b"1", b"ValueError: no")
    assert 30_000 < wait <= 61_000
    lease_over(redis)
    again = inbox.claim()
    assert again is not None
    assert (again.starts, again.failures, again.crashes) == (2, 1, 0)


def test_the_least_tried_comes_first(inbox: RedisInbox, redis: Any) -> None:
    inbox.park([command(1, "deadly"), command(2, "harmless")])
    deadly = inbox.claim()
    assert deadly is not None
    assert deadly.raw.offset == 1

    lease_over(redis)  # the process is back, and would be taken down again

    claimed = [parked.raw.offset for parked in (inbox.claim(), inbox.claim()) if parked]
    assert claimed == [2, 1]


def test_a_try_that_redis_broke_off_does_not_count(inbox: RedisInbox) -> None:
    inbox.park([command(1)])
    parked = inbox.claim()
    assert parked is not None

    inbox.put_back(parked)

    again = inbox.claim()
    assert again is not None
    assert (again.starts, again.failures, again.crashes) == (1, 0, 0)


def test_putting_off_what_is_gone_leaves_nothing_behind(inbox: RedisInbox, redis: Any) -> None:
    inbox.park([command(1)])
    parked = inbox.claim()
    assert parked is not None
    redis.flushdb()

    inbox.put_off(parked, 1.0, "x")
    inbox.put_back(parked)

    assert redis.keys("*") == []


@pytest.mark.usefixtures("catalogue")
def test_a_parked_message_takes_effect_once_and_leaves(inbox: RedisInbox, redis: Any) -> None:
    operations.set_line(ALICE, PEN, 5)
    message = command(1)
    inbox.park([message])
    parked = inbox.claim()
    assert parked is not None

    apply([decode(message)])  # by a process that was killed before the message left the parking lot
    inbox.handle_parked(parked, decode(message), apply)

    assert queries.basket_of(ALICE).items[0].quantity == 4
    assert redis.keys("parked*") == []


def test_two_consumers_never_claim_the_same_message(inbox: RedisInbox) -> None:
    inbox.park([command(offset, f"customer {offset}") for offset in range(60)])

    with ThreadPoolExecutor(6) as pool:
        claimed = list(pool.map(lambda _: RedisInbox().claim(), range(80)))

    offsets = [parked.raw.offset for parked in claimed if parked]
    assert sorted(offsets) == list(range(60))
