"""Faults under load, and what clients were told about each call: nothing is lost, nothing happens twice.

Each schedule ends with the invariants, held against the record of the load (`launcher/faults`): what a client
got a 2xx for is there once, what it was refused is not, and where it got no answer it did not happen twice.
"""

from collections.abc import Iterator, Sequence

import pytest

from launcher.faults import chaos
from launcher.faults.detours import WORTH_LOSING, detours
from launcher.faults.network import Network
from launcher.faults.schedule import PROCESSES, STORE_NAMES, Fault, Kind, schedule
from tests.system.browser_page import BrowserPage
from tests.system.conftest import OpenWindow, Settle, Sizes
from tests.system.platform import INSTANCE
from tests.system.shop import Shop
from tests.system.shopper import Shopper

pytestmark = pytest.mark.faults

SEED = 20261122
LAST = 12  # lines
SERVERS = [name for name in PROCESSES if name.endswith("-api") or name == "gateway"]
SLEEPERS = [name for name in PROCESSES if name not in SERVERS]
LOST: tuple[Kind, ...] = ("refuse", "delay", "lose")


def test_faults_at_random_and_answers_that_get_lost(
    shop: Shop, new_window: OpenWindow, shopper: Shopper, settle: Settle, sizes: Sizes
) -> None:
    """A schedule drawn from a seed, after each connection was refused, slow, and lost answers.

    Red when a retried order is placed twice (without `order_once_per_key`), when a relay marks before Kafka's
    word, when a consumer forgets an id (`inbox._remember` outside its transaction), when somebody does not
    come back to a store by himself.
    """
    settle()
    with detours(INSTANCE) as network:
        each = [(kind, target) for kind in LOST for target in network.detours]
        faults = [Fault(at, kind, target, 2.5) for at, (kind, target) in enumerate(each)]
        spread = [Fault(3 * fault.at, fault.kind, fault.target, fault.seconds) for fault in faults]
        drawn = schedule(SEED, 60 * sizes.chaos_minutes, tuple(network.detours))
        later = [
            Fault(3 * len(each) + fault.at, fault.kind, fault.target, fault.seconds, fault.point)
            for fault in drawn
        ]
        _kept(chaos.run(INSTANCE, [*spread, *later], SEED, print, network))
        _prices_and_sign_ins(network, shop, new_window(), shopper)
        lost = {name: detour.lost for name, detour in network.detours.items()}
        assert all(lost.values()), lost


def _prices_and_sign_ins(network: Network, shop: Shop, window: BrowserPage, shopper: Shopper) -> None:
    """What the load does too seldom: answers are lost here of MongoDB, Keycloak and the order service."""
    piece = shop.product(stock=1)
    version = shop.manager.read(f"/api/products/{piece.id}/")["version"]
    network.lose("mongod", WORTH_LOSING["mongod"])
    assert shop.reprice(piece, "12.00").price == "12.00"
    assert shop.manager.read(f"/api/products/{piece.id}/")["version"] == version + 1, "done twice"

    network.lose("order", WORTH_LOSING["order"])
    assert shopper.outcome(shopper.place((piece, 1)))["status"] == "confirmed"
    assert shop.stock(piece)[0] == 0

    assert shopper.account
    way_back = window.stop_on_the_way_back(shopper.account)
    network.lose("keycloak", b"/token")
    assert window.go(way_back).status == 503
    window.page.get_by_role("link", name="Sign in again").click()  # Keycloak knows its session
    window.page.wait_for_url(f"{window.gateway}/")
    assert window.go("/api/orders/").status == 200
    window.page.context.close()


def test_stores_killed_and_redis_emptied(settle: Settle, sizes: Sizes) -> None:
    """`kill -9` of every store in turn; then Redis forgets everything, wake-ups and tasks too.

    Red when committed rows are not on the disk, when a client keeps a connection that is dead, when a saga lives
    in Redis (without `sweep`, orders of the moment before hang).
    """
    settle()
    kills = [Fault(6.0 * turn, "kill", store) for turn, store in enumerate(STORE_NAMES)]
    end = 6.0 * len(kills)
    flushes = [Fault(end + 4 * turn, "flush", "redis") for turn in range(sizes.flushes)]
    _kept(chaos.run(INSTANCE, kills + flushes, SEED, print))


def test_everybody_sleeps_and_wakes(settle: Settle, sizes: Sizes) -> None:
    """Who stood still for longer than a lease or a session wakes, and has no second effect.

    First those who work in the background, then whoever has requests in hand.

    Red when a relay that lost its lease goes on without `_send_what_followed_again`, when an effect is not in one
    transaction with its id, when a task that Redis gave to another worker counts twice.
    """
    settle()
    _kept(
        chaos.run(
            INSTANCE,
            [*_asleep(SLEEPERS, 2.0, sizes), *_asleep(SERVERS, sizes.sleep + 6.0, sizes)],
            SEED,
            print,
        )
    )


def _asleep(names: Sequence[str], at: float, sizes: Sizes) -> list[Fault]:
    return [Fault(at + turn / 100, "pause", name, sizes.sleep) for turn, name in enumerate(names)]


def _kept(outcome: chaos.Outcome) -> None:
    assert outcome.counts.get("order ok", 0) > 0, "nobody bought anything"
    broken = [f"{name}: {violation}" for name, found in outcome.violations.items() for violation in found]
    if outcome.failures or broken:
        # In lines, since pytest shortens what it compares; with the last words of whoever had a part in it.
        pytest.fail("\n".join([*outcome.failures, *broken, *_last_words()]), pytrace=False)


def _last_words() -> Iterator[str]:
    for log in sorted(INSTANCE.logs.glob("*-*.log")):
        yield f"--- {log.name}"
        yield from log.read_text(errors="replace").splitlines()[-LAST:]
