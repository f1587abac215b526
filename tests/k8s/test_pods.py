"""What a pod may do, asked of running pods rather than of manifests."""

import pytest

from launcher.errors import LauncherError
from launcher.k8s.cluster import Cluster
from tests.k8s.workloads import IN

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
# Prints its user, and what it could do that it should not.
LOOK = f"id -u; test -e {TOKEN} && echo token; (: >/written) 2>/dev/null && echo writable; grep CapEff /proc/1/status"


def running(cluster: Cluster) -> list[str]:
    pods = cluster.items("pods", IN, "--field-selector=status.phase=Running")
    return sorted(each["metadata"]["name"] for each in pods)


def test_no_pod_is_root_has_a_token_or_can_write_where_it_runs(cluster: Cluster) -> None:
    """Red for a pod without `runAsUser`, with its account's token, a writable root, or a capability."""
    found = {name: cluster.run("exec", IN, name, "--", "sh", "-c", LOOK).split() for name in running(cluster)}
    assert found
    wrong = {
        name: said
        for name, (user, *said) in found.items()
        if user == "0" or said != ["CapEff:", "0000000000000000"]
    }
    assert wrong == {}


def test_kubernetes_itself_refuses_a_pod_that_is_root(cluster: Cluster) -> None:
    """Red when the namespace does not enforce PodSecurity `restricted`."""
    with pytest.raises(LauncherError, match="violates PodSecurity"):
        cluster.run("run", IN, "root", "--image=microcommerce-launcher:0.1.0", "--dry-run=server")
