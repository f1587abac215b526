"""What `k8s up` says before it applies anything, said of a real cluster."""

import copy

from launcher.k8s import preflight
from launcher.k8s.cluster import Cluster
from launcher.k8s.kustomize import objects, render
from launcher.k8s.pods import workloads
from launcher.k8s.secrets import NAMESPACE


def test_a_wrong_image_and_a_missing_secret_are_named(cluster: Cluster) -> None:
    """Red when the look at the cluster sees other names than the cluster has."""
    found = preflight.look(cluster, NAMESPACE)
    wanted = objects(render("local"))
    fit = [each for each in preflight.complaints(wanted, found) if "hostUsers" not in each]
    assert fit == []
    wrong = copy.deepcopy(wanted)
    order = next(each for each in workloads(wrong) if each.name == "order-api").containers[0]
    order["image"] = "microcommerce-order:9.9.9"
    order["envFrom"].append({"secretRef": {"name": "nobody-made-it"}})
    said = [each for each in preflight.complaints(wrong, found) if "hostUsers" not in each]
    assert [("9.9.9" in each, "nobody-made-it" in each) for each in said] == [(False, True), (True, False)]
