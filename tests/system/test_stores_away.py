"""A store that is away is felt where it is needed and nowhere else, and nobody has to be restarted after it.

Promises FL-4 (each store down), FL-6 (Redis emptied) and FL-7 (Keycloak down).
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import requests

from launcher import platform as launched
from launcher.faults.inject import flush, heal, stopped
from launcher.up import specification_of
from tests.system.caller import Caller
from tests.system.conftest import OpenWindow, Settle, Sizes
from tests.system.dead_letters import DeadLetters
from tests.system.keycloak import LogIn
from tests.system.platform import INSTANCE, Platform
from tests.system.problems import problem
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Product, Shopper, items
from tests.system.waiting import HEAL, eventually

AT_MOST = 5.0  # seconds until a client is told
TRIES = 3  # a part gives up after up to 4 s; whatever this machine does besides comes on top, but not always
FSYNC = 1.0  # seconds between two writes of Redis to its disk
CONSUMES_AGAIN = 90.0  # seconds until Celery takes tasks from a Redis that was emptied
READS = {
    "mongod": ["/api/products/", "/api/categories/"],
    "redis": ["/api/basket/"],
    "postgres": ["/api/orders/", "/api/stock/", "/api/notifications/", "/api/sagas/"],
    "kafka": [],
    "keycloak": [],
}
NAMED = {"mongod": "product: database", "postgres": "order: database"}  # in the gateway's report on all of it
ORDERS_GO_ON = {"mongod", "redis", "kafka", "keycloak"}


@dataclass(frozen=True)
class Told:
    """What a client was told, and how long that took."""

    path: str
    answer: requests.Response
    seconds: float


@pytest.fixture(scope="module")
def piece(shop: Shop) -> Product:
    return shop.product(stock=10_000)


def ask_everything(shopper: Shopper, piece: Product) -> Iterator[Callable[[], Told]]:
    """One request for each part of the shop, and an order; each can be asked again."""

    def ask(method: str, path: str, **rest: Any) -> Told:
        began = time.monotonic()
        answer = shopper.send_once(method, path, **rest)
        return Told("POST" if method == "POST" else path, answer, time.monotonic() - began)

    for path in [path for paths in READS.values() for path in paths]:
        yield partial(ask, "GET", path)
    body = {"shipping_address": ADDRESS, "items": items((piece, 1))}
    yield partial(ask, "POST", "/api/orders/", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def statuses(shopper: Shopper, piece: Product) -> dict[str, int]:
    """What everything answers now."""
    return {told.path: told.answer.status_code for told in (ask() for ask in ask_everything(shopper, piece))}


@pytest.mark.parametrize("store", READS)
def test_a_store_that_is_away(
    platform: Platform, shopper: Shopper, piece: Product, sizes: Sizes, store: str
) -> None:
    """FL-4. Red when a client waits longer than 5 s (without `connect_timeout` or the pool's `timeout` in `shared/settings/service.py`), when a store that a
    request does not need makes it fail, when the gateway's `/health` does not name it, or when a process has to be
    started again to see that the store is back.
    """
    assert shopper.id  # logged in
    processes = {each.name: each.pid for each in platform.processes().values() if each.name != store}
    placed: list[str] = []
    since = datetime.now(UTC).isoformat()
    with stopped(INSTANCE, store):
        report = Caller(shopper.address).send_once("GET", "/health")
        assert (report.status_code, report.json()["stores"].get(NAMED.get(store, store))) == (
            503,
            "unavailable",
        )
        until = time.monotonic() + sizes.store_away
        while time.monotonic() < until:
            for ask in ask_everything(shopper, piece):
                told = _told_in_time(ask, store)
                if told.answer.status_code == 201:
                    placed.append(told.answer.json()["id"])
    eventually(
        lambda: statuses(shopper, piece),
        lambda seen: set(seen.values()) <= {200, 201},
        within=HEAL,
        what=f"everything after {store} is back",
    )
    assert set(shopper.outcomes(placed, HEAL).values()) <= {"confirmed"}
    after = {each.name: each.pid for each in platform.processes().values() if each.name != store}
    again = {name for name, pid in after.items() if pid != processes[name]}
    may = _who_found_their_client_deaf(since) | (
        {"saga-worker"} if store == "redis" else set()
    )  # its heartbeat
    assert again <= may, "somebody was started again"


def _who_found_their_client_deaf(since: str) -> set[str]:
    """Who has ended by themselves because their Kafka client did not find its way back (`kafka.ClientWatchdog`)."""
    return {
        log.name.removesuffix(".log")
        for log in INSTANCE.logs.glob("*.log")
        for line in log.read_text(errors="replace").splitlines()
        if "though Kafka answers others" in line and line > since
    }


def _told_in_time(ask: Callable[[], Told], store: str) -> Told:
    """What the client is told while the store is away; who is not told that in time is asked a few times more."""
    for _ in range(TRIES):
        told = ask()
        needed = told.path in READS[store] or (told.path == "POST" and store not in ORDERS_GO_ON)
        if told.seconds < AT_MOST and told.answer.status_code in ({503} if needed else {200, 201}):
            break
    assert told.seconds < AT_MOST, f"{told.path}: {told.seconds:.1f} s"
    if needed:
        problem(told.answer, 503)
    else:
        assert told.answer.ok, f"{told.path}: {told.answer.status_code} {told.answer.text}"
    return told


@pytest.mark.faults
def test_nobody_signs_in_while_keycloak_hangs(
    platform: Platform, new_window: OpenWindow, shopper: Shopper
) -> None:
    """FL-4 in a browser that comes back with a code: told within 5 s, and signed in by its next try. Red without `OIDC_TIMEOUT`."""
    window = new_window()
    assert shopper.account
    for _ in range(TRIES):
        way_back = window.stop_on_the_way_back(shopper.account)
        with platform.paused("keycloak"):
            began = time.monotonic()
            assert window.hears_from(way_back).status == 503
            seconds = time.monotonic() - began
        if seconds < AT_MOST:
            break
        window.page.context.clear_cookies()
    assert seconds < AT_MOST
    window.page.get_by_role("link", name="Sign in again").click()
    window.page.wait_for_url(f"{window.gateway}/")
    assert window.go("/api/orders/").status == 200
    window.page.context.close()


@pytest.mark.faults
def test_redis_is_emptied_of_baskets_and_sessions(
    shopper: Shopper,
    piece: Product,
    new_window: OpenWindow,
    letters: DeadLetters,
    settle: Settle,
    records: Records,
) -> None:
    """FL-6: and of nothing else that anybody would miss. Red when somebody keeps what matters in Redis alone.

    The basket service reads the catalogue anew, other tests' poison included.
    """
    window = new_window()
    assert shopper.account
    window.sign_in(shopper.account, "/api/orders/")
    shopper.put_in_basket(piece, 2)
    settle()
    with records.nothing_changes("basket: ", "saga: saga_deadletter"):
        flush(INSTANCE)
        eventually(  # a process believes for a second in a session that it has looked up
            lambda: window.go("/api/orders/"),
            lambda page: page.status == 401,
            within=10,
            what="nobody signed in",
        )
        assert shopper.basket() == {}
        settle()
    assert window.go("/login/?next=/api/orders/").status == 200  # Keycloak knows its session
    window.page.context.close()


def test_redis_is_emptied(shopper: Shopper, other: Shopper, piece: Product, letters: DeadLetters) -> None:
    """FL-6: Celery goes on by itself, and so does every saga.

    Red without the worker's probe (`celery_health.WORKER`) where it stays deaf, or without `sweep`, which finds the sagas
    whose wake-ups were in Redis.
    """
    before = other.place((piece, 1))
    flush(INSTANCE)
    began = time.monotonic()
    after = other.place((piece, 1))
    assert other.outcomes([before, after], CONSUMES_AGAIN) == {before: "confirmed", after: "confirmed"}
    assert time.monotonic() - began < CONSUMES_AGAIN
    shopper.put_in_basket(piece, 1)
    shopper.becomes(shopper.place(), "confirmed")
    shopper.basket_becomes({})


@pytest.mark.faults
def test_redis_is_killed(platform: Platform, shopper: Shopper, piece: Product) -> None:
    """A basket is on the disk a second after it was filled. Red without `appendonly` in launcher/stores/redis.py."""
    shopper.put_in_basket(piece, 3)
    time.sleep(FSYNC + 4)  # a disk that is slow holds it up
    platform.wait_until_back(platform.kill("redis"))
    assert shopper.basket() == {piece.id: 3}


@pytest.mark.faults
def test_keycloak_is_away_and_every_service_starts(
    platform: Platform, shopper: Shopper, piece: Product
) -> None:
    """FL-7: whoever is logged in goes on, also where every service has just been started: the keys are in Redis.

    Red without `KeySource._load_cached`.
    """
    names = {"gateway", *(name for name in platform.processes() if name.endswith("-api"))}
    _start_again(names)  # so that the keys are in Redis, whatever happened to it before
    eventually(
        lambda: statuses(shopper, piece),
        lambda seen: set(seen.values()) == {200, 201},
        what="a shop that is up",
    )
    assert shopper.log_in
    token = shopper.log_in.token
    logged_in = Shopper(shopper.address, LogIn(lambda: token))  # nobody logs in while Keycloak is away
    with stopped(INSTANCE, "keycloak"):
        logged_in.place((piece, 1))
        _start_again(names)
        for ask in ask_everything(logged_in, piece):
            _told_in_time(ask, "keycloak")


def _start_again(names: set[str]) -> None:
    launched.restart(INSTANCE, specification_of(INSTANCE, names))
    heal(INSTANCE, names)
