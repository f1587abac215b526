"""A pod of each kind is killed in the middle of orders, stores too: no order is lost, none is there twice."""

import time

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s import figures, promises
from tests.k8s.shop import HEAL, Shop
from tests.k8s.workloads import DEPLOYMENTS, IN, STORES, is_replaced, pods

ORDERS = 3
# A process of ours gets no time at all. A store's volume is given to the next pod when the last has really ended.
AT_ONCE, IN_A_SECOND = ("--force", "--grace-period=0"), ("--grace-period=1",)


@pytest.mark.parametrize("name", [*DEPLOYMENTS, *STORES])
def test_orders_survive_the_death_of_a_pod(cluster: Cluster, shop: Shop, name: str) -> None:
    """Red when what a killed process had in hand is lost, or when what was lost with it is not taken up again."""
    alice, (product,) = shop.shopper("alice"), shop.products(1)
    orders = [alice.insist_on_order(product) for _ in range(ORDERS)]
    killed = pods(cluster, name)
    names = [each["metadata"]["name"] for each in killed]
    cluster.run("delete", "pods", IN, *names, "--wait=false", *(IN_A_SECOND if name in STORES else AT_ONCE))
    began = time.monotonic()
    while not is_replaced(cluster, name, killed):
        assert time.monotonic() - began < HEAL, f"{name} is not back"
        orders.append(alice.insist_on_order(product))
    ready = time.monotonic() - began
    for order in orders:
        alice.until(order, "confirmed")
    confirmed = time.monotonic() - began
    figures.note("killed", pod=name, orders=len(orders), ready_after=round(ready, 1), confirmed_after=round(confirmed, 1))  # fmt: skip


def test_after_all_that_no_promise_is_broken(cluster: Cluster) -> None:
    promises.are_kept(cluster)
