"""What customers notice of a roll-out: nothing."""

import time

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s import figures, promises
from tests.k8s.customers import Customers
from tests.k8s.shop import Shop
from tests.k8s.workloads import DEPLOYMENTS, IN, pods, seconds_until_ready


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_rolling_update_under_load_loses_no_request_and_no_order(
    cluster: Cluster, shop: Shop, name: str
) -> None:
    """Red with `maxUnavailable: 1` and one replica, without the sleep before SIGTERM, or when a message in hand is dropped."""
    customers = Customers(shop)
    with customers.buying():
        began = time.monotonic()
        cluster.run("rollout", "restart", IN, f"deployment/{name}")
        cluster.run("rollout", "status", IN, f"deployment/{name}", "--timeout=300s", seconds=330)
        took = time.monotonic() - began
        time.sleep(6)  # the old pod sleeps, and then ends: customers buy on
    ready_after = max(map(seconds_until_ready, pods(cluster, name)))
    figures.note("roll-out", of=name, seconds=round(took, 1), orders=len(customers.orders), refused=len(customers.failures), ready_after=ready_after)  # fmt: skip
    customers.were_all_served()


def test_after_all_that_no_promise_is_broken(cluster: Cluster) -> None:
    promises.are_kept(cluster)
