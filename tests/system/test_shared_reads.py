"""The catalogue's answers that readers share: what changes is seen at once, at every gateway."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from launcher.instance import Instance
from launcher.services import environment
from launcher.system import service
from tests.gateway.process import free_port
from tests.system.platform import OFFSET, ROOT, Platform
from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper
from tests.system.waiting import eventually

QUICKLY = 30.0  # seconds; a minute would be the time-to-live


@contextmanager
def another_gateway(**settings: str) -> Iterator[Shopper]:
    """Somebody without a token at a second gateway before the same services."""
    port = free_port()
    changed = {f"MICROCOMMERCE_{name}": value for name, value in settings.items()}
    known = {**os.environ, **environment(service("gateway"), Instance(int(OFFSET))), **changed}
    process = subprocess.Popen([sys.executable, "-m", "gateway", "--port", str(port)], cwd=ROOT, env=known)
    somebody = Shopper(f"http://localhost:{port}")
    try:
        eventually(lambda: _is_ready(somebody), what="a second gateway")
        yield somebody
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(caller: Shopper) -> bool:
    try:
        return caller.send("GET", "/health/ready").status_code == 200
    except requests.ConnectionError:
        return False


def _price(caller: Shopper, piece: Product) -> str:
    return str(caller.send("GET", f"/api/products/{piece.id}/").json()["price"])


def test_a_new_price_is_seen_as_soon_as_the_manager_has_the_answer(shop: Shop, anybody: Shopper) -> None:
    """However many have just read the old one. Red without `self.empty()` in `CachingProxy._change`."""
    piece = shop.product(stock=1, price="10.00")
    path = f"/api/products/{piece.id}/"
    for price in ("11.00", "12.00", "13.00"):
        before = [anybody.send("GET", path) for _ in range(2)]
        assert "Age" in before[1].headers
        shop.change(piece, price=price)
        assert _price(anybody, piece) == price
    mine = shop.manager.send("GET", path)
    assert (mine.json()["price"], "Age" in mine.headers) == ("13.00", False)
    known = anybody.send("GET", path, headers={"If-None-Match": mine.headers["ETag"]})
    assert (known.status_code, "Age" in known.headers) == (304, True)


def test_a_customer_shares_what_anybody_is_shown(shop: Shop, shopper: Shopper, other: Shopper) -> None:
    """And a manager does not. Red without `for_anyone` in `CachingProxy._fetch`, or where a customer's reads are not shared."""
    piece = shop.product(stock=1, price="10.00")
    path = f"/api/products/{piece.id}/"
    first, second = shopper.send("GET", path), other.send("GET", path)
    assert (second.content, "Age" in second.headers) == (first.content, True)
    assert second.headers["Cache-Control"] == "private, no-cache"
    shop.change(piece, price="11.00")
    assert [_price(who, piece) for who in (shopper, other)] == ["11.00", "11.00"]
    assert "Age" not in shop.manager.send("GET", path).headers


def test_another_gateway_hears_of_a_change_by_its_event(shop: Shop) -> None:
    """It would keep the old price for a minute. Red without `self._heard()` in `Listener._listen`."""
    piece = shop.product(stock=1, price="10.00")
    with another_gateway(SHARED_SECONDS="60") as somebody:
        for price in ("11.00", "12.00", "13.00"):
            _price(somebody, piece)
            shop.change(piece, price=price)
            eventually(
                lambda: _price(somebody, piece), price.__eq__, within=QUICKLY, what=f"the price {price}"
            )


def test_without_kafka_time_empties_what_is_kept(shop: Shop, platform: Platform) -> None:
    """And the gateway is as ready as ever. Red without `cached.until <= now` in `ResponseCache.find`, or when it waits for Kafka."""
    piece = shop.product(stock=1, price="10.00")
    with another_gateway(SHARED_SECONDS="2", KAFKA=f"127.0.0.1:{free_port()}") as somebody:
        assert _price(somebody, piece) == "10.00"
        began = time.monotonic()
        shop.change(piece, price="11.00")
        eventually(lambda: _price(somebody, piece), "11.00".__eq__, within=QUICKLY, what="the new price")
        assert time.monotonic() - began < QUICKLY
        assert somebody.send("GET", "/health/ready").status_code == 200
