"""A backup taken while customers order is the shop at one moment: restored, it keeps every promise."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.conftest import NewShopper, Settle
from tests.system.platform import OFFSET, Platform, manage
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper
from tests.system.topics import Topics
from tests.system.waiting import HEAL, eventually

BUYERS = 3
ORDERS_BEFORE = 10
PIECES = 100_000  # more than three buyers can get however fast the shop is: nobody may be refused here
PAUSE = 0.05  # seconds between two orders of a buyer; each is looked at afterwards


@pytest.mark.faults
def test_orders_go_on_around_a_backup_and_it_keeps_the_promises(
    platform: Platform,
    shop: Shop,
    new_shopper: NewShopper,
    records: Records,
    topics: Topics,
    settle: Settle,
    tmp_path: Path,
) -> None:
    """Red when an order of before is gone, one of after is there, or order, saga, stock and notifications disagree.

    To see it: leave out `standing_still` in launcher/backups.py and copy PostgreSQL last.
    """
    buyers, keeper, piece = [new_shopper() for _ in range(BUYERS)], new_shopper(), shop.product(stock=PIECES)
    with _ordering(buyers, piece) as placed:
        eventually(lambda: len(placed) >= ORDERS_BEFORE, what="orders before the backup")
        before = set(placed)
        shop.change(piece, price="21.00")
        keeper.put_in_basket(piece, 3)
        _succeeds("backup", str(tmp_path / "backup"))
        shop.change(piece, price="22.00")
        keeper.put_in_basket(piece, 4)
    for buyer, order_id in placed:
        assert buyer.outcome(order_id, HEAL)["status"] == "confirmed"
    later = buyers[0].place((piece, 1))
    assert buyers[0].outcome(later)["status"] == "confirmed"

    _succeeds("backup", "--verify", str(tmp_path / "backup"))
    _succeeds("down")
    _succeeds("restore", str(tmp_path / "backup"))
    _succeeds("up")
    records.reconnect()
    topics.reconnect()
    settle()
    broken = {name: found for name, found in platform.check().items() if found and name != "no dead letters"}
    assert not broken, broken  # other tests leave dead letters
    assert keeper.read(f"/api/products/{piece.id}/")["price"] == "21.00"
    assert keeper.basket() == {piece.id: 3}
    for buyer, order_id in before:
        assert buyer.outcome(order_id, HEAL)["status"] == "confirmed"
    assert buyers[0].send("GET", f"/api/orders/{later}/").status_code == 404
    confirmed = [
        order["id"] for buyer in buyers for order in buyer.read_all("/api/orders/", status="confirmed")
    ]
    shop.stock_becomes(piece, PIECES - len(confirmed))
    _sells_on(buyers[0], piece)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("backup", "."), "exists already"),
        (("restore", "."), "is not a backup"),
    ],
)
def test_what_cannot_be_done_says_why(arguments: tuple[str, str], complaint: str) -> None:
    """Nothing is overwritten, and nothing that is no backup takes a shop's place."""
    done = manage(*arguments)
    assert done.returncode == 1
    assert complaint in done.stdout


def test_a_running_shop_is_not_replaced(tmp_path: Path) -> None:
    """Red when a restore pulls the files away from under running stores."""
    (tmp_path / "backup.json").write_text(f'{{"form": 1, "offset": {OFFSET}}}')
    done = manage("restore", str(tmp_path))
    assert done.returncode == 1
    assert "The platform is up" in done.stdout


def _succeeds(*arguments: str) -> None:
    done = manage(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def _sells_on(buyer: Shopper, piece: Product) -> None:
    order_id = buyer.place((piece, 1))
    assert buyer.outcome(order_id)["status"] == "confirmed"
    buyer.told(order_id, "order.confirmed")


@contextmanager
def _ordering(buyers: list[Shopper], piece: Product) -> Iterator[list[tuple[Shopper, str]]]:
    """Each buyer orders one piece after another meanwhile. Yields who placed which order."""
    placed: list[tuple[Shopper, str]] = []
    enough = threading.Event()

    def order(buyer: Shopper) -> None:
        while not enough.wait(PAUSE):
            placed.append((buyer, buyer.place((piece, 1))))

    with ThreadPoolExecutor(len(buyers)) as pool:
        ordering = [pool.submit(order, buyer) for buyer in buyers]
        try:
            yield placed
        finally:
            enough.set()
        for each in ordering:
            each.result()
