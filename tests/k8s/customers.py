"""Customers who buy all the time, while something is done to the cluster."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.k8s.shop import Shop, Shopper

BUYERS = ("alice", "bob", "carol")
PAUSE = 0.2  # seconds between two orders of a customer: what is tested needs a core as well


class Customers:
    """Customers who order one after another until they are told to stop, and what they were told."""

    def __init__(self, shop: Shop, pause: float = PAUSE) -> None:
        self._products = shop.products(len(BUYERS))
        self._shoppers = [shop.shopper(user) for user in BUYERS]
        self._pause = pause
        self._ended = threading.Event()
        self.orders: list[tuple[Shopper, str]] = []
        self.failures: list[str] = []

    def _buy(self, shopper: Shopper, product: str) -> None:
        while not self._ended.wait(self._pause):
            try:
                answer = shopper.order(product)
            except OSError as error:  # requests' own failures are OSErrors
                self.failures.append(repr(error))
                continue
            if answer.status_code == 201:
                self.orders.append((shopper, answer.json()["id"]))
            else:
                self.failures.append(f"{answer.status_code} {answer.text}")

    @contextmanager
    def buying(self) -> Iterator[None]:
        """As long as this is open."""
        pairs = zip(self._shoppers, self._products, strict=True)
        threads = [threading.Thread(target=self._buy, args=pair) for pair in pairs]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._ended.set()
            for each in threads:
                each.join()

    def were_all_served(self) -> None:
        """Nobody was refused anything, and every order is confirmed in the end."""
        assert self.failures == []
        assert self.orders
        for shopper, order in self.orders:
            shopper.until(order, "confirmed")
