"""How managers keep stock, and the ledger that says why there is what there is."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import Shopper


def test_every_movement_is_in_the_ledger(shop: Shop, shopper: Shopper) -> None:
    """The ledger sums to the level, newest first. Red without `_insert_movements` in `levels.save`."""
    piece = shop.product(stock=10)
    path = f"/api/stock/{piece.id}/"
    made = shop.manager.send("POST", f"{path}adjustments/", json={"delta": -3, "reason": "broken"})
    assert (made.status_code, made.json()["delta"], made.json()["on_hand"]) == (201, -3, 7)
    order_id = shopper.place((piece, 2))
    assert shopper.outcome(order_id)["status"] == "confirmed"
    ledger = shop.manager.read_all(f"{path}movements/")
    assert [(each["kind"], each["delta"]) for each in ledger] == [
        ("sale", -2),
        ("adjustment", -3),
        ("set", 10),
    ]
    assert [each["order_id"] for each in ledger] == [order_id, None, None]
    assert sum(each["delta"] for each in ledger) == shop.stock(piece)[0] == 5


def test_there_is_never_less_than_nothing(shop: Shop) -> None:
    """Taking away more than there is is refused whole. Red without `left < shelf.reserved` in `operations._move`."""
    piece = shop.product(stock=2)
    path = f"/api/stock/{piece.id}/adjustments/"
    problem(shop.manager.send("POST", path, json={"delta": -3, "reason": "lost"}), 409)
    assert shop.stock(piece) == (2, 0)
    with ThreadPoolExecutor(6) as pool:
        takers = [
            pool.submit(shop.manager.send, "POST", path, json={"delta": -1, "reason": "lost"})
            for _ in range(6)
        ]
    assert sorted(taker.result().status_code for taker in takers) == [201, 201, 409, 409, 409, 409]
    assert shop.stock(piece) == (0, 0)


def test_an_adjustment_that_is_sent_twice_counts_once(shop: Shop) -> None:
    """The same key is the same adjustment. Red without `_first_with_key_of`."""
    piece, key = shop.product(stock=1), {"Idempotency-Key": str(uuid.uuid4())}
    path, body = f"/api/stock/{piece.id}/adjustments/", {"delta": 4, "reason": "delivery"}
    answers = [shop.manager.send("POST", path, json=body, headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    problem(shop.manager.send("POST", path, json={**body, "delta": 5}, headers=key), 422)
    assert shop.stock(piece) == (5, 0)


def test_levels_of_several_products_at_once(shop: Shop, anybody: Shopper) -> None:
    """A page of products asks once. Red without the filter in `queries.levels_of`."""
    pieces = shop.products(3, stock=4)
    query = "&".join(f"product_id={piece.id}" for piece in pieces)
    found = anybody.read(f"/api/stock/?{query}")["results"]
    assert {each["product_id"]: each["available"] for each in found} == {piece.id: 4 for piece in pieces}
