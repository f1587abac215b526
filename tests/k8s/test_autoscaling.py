"""The autoscalers of the order API and of the saga's consumer add pods under load, and take them away again."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from launcher.k8s.cluster import Cluster
from launcher.k8s.kustomize import objects, render
from launcher.k8s.pods import of_kind
from tests.k8s import figures
from tests.k8s.customers import Customers
from tests.k8s.shop import Shop, eventually
from tests.k8s.workloads import IN, becomes_whole, pods, scale

Json = dict[str, Any]
SCALED = ("order-api", "saga-consumer")
# Between what these two use when nobody buys and when three customers do as fast as two cores let them.
REQUEST, MOST = "30m", 3
TARGET = 70  # per cent of it, in the manifests


@pytest.fixture
def autoscalers(cluster: Cluster) -> Iterator[list[Json]]:
    """Those of the manifests, at most three pods each: the cluster of the tests has two cores."""
    found = [
        {**each, "spec": {**each["spec"], "maxReplicas": MOST}}
        for each in of_kind(objects(render("local")), "HorizontalPodAutoscaler")
        if each["metadata"]["name"] in SCALED
    ]
    before = {
        name: cluster.run("get", IN, f"deployment/{name}", "--output=jsonpath={.spec.template.spec.containers[0].resources.requests.cpu}")
        for name in SCALED
    }  # fmt: skip
    for name in SCALED:
        cluster.run("set", "resources", IN, f"deployment/{name}", f"--requests=cpu={REQUEST}")
    cluster.run("apply", "--server-side", "--filename=-", given=yaml.safe_dump_all(found))
    for name in SCALED:
        becomes_whole(cluster, name)
    yield found
    cluster.run("delete", "horizontalpodautoscalers", IN, *SCALED)
    for name in SCALED:
        cluster.run("set", "resources", IN, f"deployment/{name}", f"--requests=cpu={before[name]}")
    scale(cluster, list(SCALED), 1)


def test_pods_come_with_load_and_go_with_it(cluster: Cluster, shop: Shop, autoscalers: list[Json]) -> None:
    """Red when an autoscaler is about nothing, when its metric is not there, or when it never lets go."""
    assert len(autoscalers) == len(SCALED)
    eventually(lambda: _is_calm(cluster) or None, "one pod each, and nothing to do")  # a start is work, too
    customers, began = Customers(shop, pause=0), time.monotonic()
    with customers.buying():
        for name in SCALED:
            eventually(lambda name=name: len(pods(cluster, name)) > 1 or None, f"more pods of {name}")  # type: ignore[misc]
            figures.note("scaled up", deployment=name, after=round(time.monotonic() - began))
    customers.were_all_served()
    began = time.monotonic()
    for name in SCALED:
        eventually(lambda name=name: len(pods(cluster, name)) == 1 or None, f"one pod of {name}", seconds=420)  # type: ignore[misc]
        figures.note("scaled down", deployment=name, after=round(time.monotonic() - began))


def _is_calm(cluster: Cluster) -> bool:
    """Whether the autoscalers see how busy their pods are, and that one is enough."""
    found = cluster.items("horizontalpodautoscalers", IN)
    return all(_busy(each) < TARGET and each["status"]["currentReplicas"] == 1 for each in found)


def _busy(autoscaler: Json) -> float:
    """Per cent of what the pods ask for; infinite while nobody has measured."""
    metrics = (autoscaler.get("status") or {}).get("currentMetrics") or [{}]
    return float(metrics[0].get("resource", {}).get("current", {}).get("averageUtilization", "inf"))
