"""With a second pod of everything the promises of races hold: what one pod knows, the other does."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s import promises
from tests.k8s.shop import Shop, eventually
from tests.k8s.workloads import DEPLOYMENTS, pods, scale

AT_ONCE = 12
IN_STOCK = 3
SOCKETS = 8  # all on one of two pods: once in 128 runs


@pytest.fixture(scope="module", autouse=True)
def _two_of_everything(cluster: Cluster) -> Iterator[None]:
    scale(cluster, DEPLOYMENTS, 2)
    assert all(len(pods(cluster, name)) == 2 for name in DEPLOYMENTS)
    yield
    scale(cluster, DEPLOYMENTS, 1)


def test_nothing_is_sold_twice(shop: Shop) -> None:
    """Red when two consumers or workers may take the same pieces."""
    alice, product = shop.shopper("alice"), shop.products(1, on_hand=IN_STOCK)[0]
    alice.token()
    with ThreadPoolExecutor(AT_ONCE) as buyers:
        orders = [each.json()["id"] for each in buyers.map(alice.order, [product] * AT_ONCE)]
    became = eventually(
        lambda: found if "submitted" not in (found := Counter(map(alice.state, orders))) else None,
        "every order decided",
    )
    assert became == {"confirmed": IN_STOCK, "rejected": AT_ONCE - IN_STOCK}


def test_one_key_is_one_order(shop: Shop) -> None:
    """Red when a pod remembers keys by itself."""
    alice, product, key = shop.shopper("alice"), shop.products(1)[0], str(uuid.uuid4())
    alice.token()
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(lambda _: alice.order(product, key=key), range(AT_ONCE)))
    taken = [each.json()["id"] for each in answers if each.status_code in (200, 201)]
    assert taken, [each.text for each in answers]
    assert len(set(taken)) == 1
    assert {each.status_code for each in answers} <= {200, 201, 409}  # 409: the first one is being answered


def test_a_basket_is_the_same_at_each_pod(shop: Shop) -> None:
    """Red when a pod keeps baskets, or writes what it has read before over what another one added."""
    bob, products = shop.shopper("bob"), shop.products(AT_ONCE)
    bob.ask("DELETE", "/api/basket/")
    with ThreadPoolExecutor(AT_ONCE) as clients:
        put = list(clients.map(partial(bob.ask, "PUT", json={"quantity": 1}), [f"/api/basket/items/{each}/" for each in products]))  # fmt: skip
    assert {each.status_code for each in put} <= {200, 201}, [each.text for each in put]
    found = bob.ask("GET", "/api/basket/").json()["items"]
    assert sorted(each["product_id"] for each in found) == sorted(products)


def test_a_customer_hears_at_each_pod(shop: Shop) -> None:
    """Red when a push reaches the sockets of one pod alone, or reaches some twice."""
    carol = shop.shopper("carol")
    with ExitStack() as stack:
        sockets = [stack.enter_context(carol.listen()) for _ in range(SOCKETS)]
        order = carol.order(shop.products(1)[0]).json()["id"]
        for socket in sockets:
            told = []
            while "order.confirmed" not in told:
                message = json.loads(socket.recv(timeout=120))
                if message["order_id"] == order:
                    told.append(message["event"])
            assert Counter(told)["order.confirmed"] == 1


def test_after_all_that_no_promise_is_broken(cluster: Cluster) -> None:
    promises.are_kept(cluster)
