"""A pod of each kind is killed in the middle of orders, stores too: no order is lost, none is there twice."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s import figures, promises
from tests.k8s.running import DEPLOYMENTS, IN, STORES, becomes_whole, pods
from tests.k8s.shop import Shop

ORDERS = 3
# A process of ours gets no time at all. A store's volume is given to the next pod when the last has really ended.
AT_ONCE, IN_A_SECOND = ("--force", "--grace-period=0"), ("--grace-period=1",)


@pytest.mark.parametrize("name", [*DEPLOYMENTS, *STORES])
def test_orders_survive_the_death_of_a_pod(cluster: Cluster, shop: Shop, name: str) -> None:
    """Red when what a killed process had in hand is lost, or when what was lost with it is not taken up again."""
    alice, products = shop.shopper("alice"), shop.products(2 * ORDERS)
    alice.token()
    before = [alice.insist_on_order(each) for each in products[:ORDERS]]
    killed = [each["metadata"]["name"] for each in pods(cluster, name)]
    cluster.run("delete", "pods", IN, *killed, "--wait=false", *(IN_A_SECOND if name in STORES else AT_ONCE))
    began = time.monotonic()
    with ThreadPoolExecutor(ORDERS) as buyers:
        meanwhile = list(buyers.map(alice.insist_on_order, products[ORDERS:]))
    for order in (*before, *meanwhile):
        alice.until(order, "confirmed")
    confirmed = time.monotonic() - began
    becomes_whole(cluster, name)
    whole = time.monotonic() - began
    figures.note("killed", pod=name, confirmed_after=round(confirmed, 1), ready_after=round(whole, 1))


def test_after_all_that_no_promise_is_broken(cluster: Cluster) -> None:
    promises.are_kept(cluster)
