"""What customers notice of a roll-out and of a pod that is killed: nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from launcher.k8s.cluster import Cluster
from launcher.k8s.secrets import NAMESPACE
from tests.k8s.shop import Shop, Shopper

IN = f"--namespace={NAMESPACE}"
ROLLED = (
    "gateway",
    "order-api",
    "order-consumer",
    "order-relay",
    "saga-worker",
    "saga-consumer",
    "stock-consumer",
)
BUYERS = ("alice", "bob", "carol")


class Crowd:
    """Customers who order one after another until they are told to stop, and what they were told."""

    def __init__(self, shop: Shop) -> None:
        self._products = [each["id"] for each in shop.products()]
        self._shoppers = [shop.shopper(user) for user in BUYERS]
        self._ended = threading.Event()
        self.orders: list[tuple[Shopper, str]] = []
        self.failures: list[str] = []

    def _buy(self, shopper: Shopper, product: str) -> None:
        while not self._ended.is_set():
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
        pairs = zip(self._shoppers, self._products, strict=False)
        threads = [threading.Thread(target=self._buy, args=pair) for pair in pairs]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._ended.set()
            for each in threads:
                each.join()


@pytest.mark.parametrize("name", ROLLED)
def test_a_rolling_update_under_load_loses_no_request_and_no_order(
    cluster: Cluster, shop: Shop, name: str
) -> None:
    """Red with `maxUnavailable: 1` and one replica, without the sleep before SIGTERM, or when a message in hand is dropped."""
    crowd = Crowd(shop)
    with crowd.buying():
        cluster.run("rollout", "restart", IN, f"deployment/{name}")
        cluster.run("rollout", "status", IN, f"deployment/{name}", "--timeout=300s", seconds=330)
    assert crowd.failures == []
    assert crowd.orders
    for shopper, order in crowd.orders:
        shopper.until(order, "confirmed")


@pytest.mark.parametrize(
    "name", ["order-consumer", "order-relay", "stock-consumer", "saga-consumer", "saga-worker", "saga-relay"]
)
def test_an_order_survives_the_death_of_a_pod(
    cluster: Cluster, shop: Shop, alice: Shopper, name: str
) -> None:
    """Red when what a killed process had in hand is lost; it gets no time to finish."""
    service, _, component = name.partition("-")
    selector = f"--selector=app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
    orders = [alice.order(product["id"]).json()["id"] for product in shop.products()[:3]]
    cluster.run("delete", "pods", IN, selector, "--force", "--grace-period=0", "--wait=false")
    for order in orders:
        alice.until(order, "confirmed")
