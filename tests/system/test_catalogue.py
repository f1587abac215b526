"""Products and categories as managers change them and shoppers find them."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import Json, Shopper
from tests.system.waiting import eventually


def test_a_new_product_has_an_address_and_a_tag(shop: Shop, anybody: Shopper) -> None:
    """201 leads to the product; its strong tag spares a second reading. Red when link or tag do not hold."""
    piece = shop.product(stock=1)
    made = shop.manager.send("GET", f"/api/products/{piece.id}/")
    tag = made.headers["ETag"]
    assert tag.startswith('"')
    assert set(made.json()) == {
        "id", "name", "slug", "description", "price", "currency", "categories", "image", "is_active", "version",
        "created_at", "updated_at",
    }  # fmt: skip
    same = anybody.send("GET", f"/api/products/{piece.id}/", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    shop.change(piece, description="now with words")
    assert (
        anybody.send("GET", f"/api/products/{piece.id}/", headers={"If-None-Match": tag}).status_code == 200
    )


def test_two_managers_change_a_product(shop: Shop) -> None:
    """Of two who read the same one writes, the other hears of it. Red when a change is overwritten unseen."""
    piece = shop.product(stock=1)
    path, manager = f"/api/products/{piece.id}/", shop.manager
    tag = manager.send("GET", path).headers["ETag"]
    with ThreadPoolExecutor(2) as pool:
        answers = [
            future.result()
            for future in [
                pool.submit(manager.send, "PATCH", path, json={"price": price}, headers={"If-Match": tag})
                for price in ("11.00", "12.00")
            ]
        ]
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    problem(loser, 412, "precondition-failed")
    now = manager.read(path)
    assert (now["price"], now["version"]) == (winner.json()["price"], winner.json()["version"])
    for method, body in (("PUT", {"name": "x", "price": "1.00"}), ("DELETE", None)):
        problem(manager.send(method, path, json=body, headers={"If-Match": tag}), 412)
    assert manager.read(path) == now
    assert manager.send("DELETE", path, headers={"If-Match": winner.headers["ETag"]}).status_code == 204


def test_products_are_found_by_words_category_and_price(shop: Shop, anybody: Shopper) -> None:
    """Search, category and price narrow the list, ordering sorts it. Red when one of them is ignored."""
    cheap, dear = shop.product(stock=0, price="3.00"), shop.product(stock=0, price="7.50")
    category = shop.category()
    for piece in (cheap, dear):
        answer = shop.manager.send(
            "POST", f"/api/categories/{category['id']}/products/", json={"product_id": piece.id}
        )
        assert answer.status_code in {200, 201, 204}, answer.text
    in_category = {"category": category["slug"]}
    assert _ids(anybody, **in_category, ordering="price") == [cheap.id, dear.id]
    assert _ids(anybody, **in_category, ordering="-price") == [dear.id, cheap.id]
    assert _ids(anybody, **in_category, min_price="3.01") == [dear.id]
    assert _ids(anybody, **in_category, max_price="3.00") == [cheap.id]
    assert _ids(anybody, **in_category, search=dear.name) == [dear.id]
    assert [each["slug"] for each in anybody.read(f"/api/products/{cheap.id}/")["categories"]] == [
        category["slug"]
    ]

    path = f"/api/categories/{category['id']}/products/{cheap.id}/"
    assert shop.manager.send("DELETE", path).status_code == 204
    assert _ids(anybody, **in_category) == [dear.id]
    shop.drop(category)
    problem(anybody.send("GET", f"/api/categories/{category['id']}/"), 404)
    assert _ids(anybody, **in_category) == []


def test_a_new_name_reaches_every_basket(shop: Shop, shopper: Shopper) -> None:
    """Copies follow the catalogue. Red when a basket goes on showing what was."""
    piece, name = shop.product(stock=5, price="2.00"), f"Renamed {uuid.uuid4().hex[:8]}"
    shopper.put_in_basket(piece, 2)
    shop.change(piece, name=name, price="2.50")

    def shown() -> Json:
        basket: Json = shopper.read("/api/basket/")
        return {**basket["items"][0], "total": basket["total"]}

    line = eventually(shown, lambda line: line["name"] == name, what="the new name in the basket")
    assert (line["unit_price"], line["line_total"], line["total"]) == ("2.50", "5.00", "5.00")


def _ids(caller: Shopper, **query: str) -> list[str]:
    return [each["id"] for each in caller.read_all("/api/products/", **query)]
