"""A node that is drained: no Deployment ever loses its last pod."""

from collections.abc import Iterator

import pytest

from launcher.errors import LauncherError
from launcher.k8s.cluster import Cluster
from tests.k8s.workloads import NAME, becomes_whole, pods, scale

DRAINED = "saga-worker"
SELECTOR = f"--pod-selector={NAME}=saga,app.kubernetes.io/component=worker"


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """One whose pods are drained; the only one, here: nothing can start elsewhere."""
    scale(cluster, [DRAINED], 2)
    name = pods(cluster, DRAINED)[0]["spec"]["nodeName"]
    yield name
    cluster.run("uncordon", name)
    scale(cluster, [DRAINED], 1)


def test_a_budget_holds_a_drain_back_until_there_is_another_pod(cluster: Cluster, node: str) -> None:
    """Red without a PodDisruptionBudget: both pods would go at once."""
    with pytest.raises(LauncherError, match="violate the pod's disruption budget"):
        cluster.run("drain", node, SELECTOR, "--delete-emptydir-data", "--timeout=20s", seconds=60)
    serving = [each for each in pods(cluster, DRAINED) if each["status"]["phase"] == "Running"]
    assert len(serving) == 1
    cluster.run("uncordon", node)
    becomes_whole(cluster, DRAINED)
