"""The manager's side of the shop: products with stock that tests buy, and what becomes of them."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.system.shopper import Product, Shopper
from tests.system.waiting import eventually

Json = dict[str, Any]
AT_ONCE = 4


class Shop:
    """What mia, the manager, does."""

    def __init__(self, manager: Shopper) -> None:
        self.manager = manager
        self._made: list[Product] = []

    def product(self, *, stock: int, price: str = "10.00") -> Product:
        """A new product that can be ordered."""
        return self.products(1, stock=stock, price=price)[0]

    def products(self, count: int, *, stock: int, price: str = "10.00") -> list[Product]:
        """New products, known to every service and in stock."""
        made = [self._create(price) for _ in range(count)]
        for product in made:
            self.put_in_stock(product, stock)
            self._wait_until_known(product)
        return made

    def put_in_stock(self, product: Product, on_hand: int) -> None:
        """Somebody counted: so many there are. The stock service may have to hear of the product first."""
        answer = eventually(
            lambda: self.manager.insist("PUT", f"/api/stock/{product.id}/", json={"on_hand": on_hand}),
            lambda answer: answer.status_code != 404,
            what=f"{product} known to the stock service",
        )
        assert answer.status_code == 200, answer.text

    def stock(self, product: Product) -> tuple[int, int]:
        """How many are on hand, and how many of these are reserved."""
        level = self.manager.read(f"/api/stock/{product.id}/")
        return level["on_hand"], level["reserved"]

    def stock_becomes(self, product: Product, on_hand: int) -> None:
        """So many are on hand, and nothing is reserved."""
        eventually(
            lambda: self.stock(product), lambda stock: stock == (on_hand, 0), what=f"{on_hand} of {product}"
        )

    def quoted(self, product: Product) -> str:
        """The price that the order service would take now; empty while it does not know the product."""
        refused = self.manager.order((product, 1), expected_total="0.01")
        if refused.status_code == 400:
            return ""
        assert refused.status_code == 409, refused.text
        return str(refused.json()["items"][0]["unit_price"])

    def change(self, product: Product, **fields: Any) -> Json:
        """Change a product."""
        answer = self.manager.insist("PATCH", f"/api/products/{product.id}/", json=fields)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def reprice(self, product: Product, price: str) -> Product:
        """Change a price, and wait until orders are taken at it."""
        self.change(product, price=price)
        eventually(
            lambda: self.quoted(product), lambda quoted: quoted == price, what=f"{price} for {product}"
        )
        return Product(product.id, product.name, price)

    def archive(self, product: Product) -> None:
        """Take a product off sale, and wait until nobody can order it."""
        answer = self.manager.insist("DELETE", f"/api/products/{product.id}/")
        assert answer.status_code == 204, answer.text
        eventually(
            lambda: self.manager.order((product, 1), expected_total="0.01").json()["type"],
            lambda kind: kind.endswith("product-unavailable"),
            what=f"{product} archived",
        )

    def category(self) -> Json:
        """A new category."""
        answer = self.manager.send(
            "POST", "/api/categories/", json={"name": f"Test shelf {uuid.uuid4().hex[:12]}"}
        )
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def drop(self, category: Json) -> None:
        """Delete a category; its products stay."""
        answer = self.manager.send("DELETE", f"/api/categories/{category['id']}/")
        assert answer.status_code == 204, answer.text

    def ship(self, order_id: str) -> Json:
        """The order leaves the house."""
        return self._take_on(order_id, "ship")

    def deliver(self, order_id: str) -> Json:
        """The order arrives."""
        return self._take_on(order_id, "deliver")

    def clear_out(self) -> None:
        """Take what was made off sale, so that a shop for people does not fill up with it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(
                lambda made: self.manager.insist("DELETE", f"/api/products/{made.id}/"), self._made
            )
            assert {answer.status_code for answer in answers} <= {204}

    def _create(self, price: str) -> Product:
        name = f"Test piece {uuid.uuid4().hex[:12]}"
        answer = self.manager.send("POST", "/api/products/", json={"name": name, "price": price})
        assert answer.status_code == 201, answer.text
        product = Product(answer.json()["id"], name, price)
        assert answer.headers["Location"] == f"{self.manager.address}/api/products/{product.id}/"
        self._made.append(product)
        return product

    def _wait_until_known(self, product: Product) -> None:
        eventually(lambda: self.quoted(product), what=f"{product} known to the order service")

    def _take_on(self, order_id: str, how: str) -> Json:
        answer = self.manager.send("POST", f"/api/orders/{order_id}/{how}/")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found
