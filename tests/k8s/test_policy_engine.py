"""The engine that enforces NetworkPolicies enforces what ours are made of: ways out, ports by name, blocks of addresses."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from launcher.errors import LauncherError
from launcher.k8s.cluster import Cluster
from tests.k8s.shop import eventually

Json = dict[str, Any]
NAMESPACE = "policies"
IN = f"--namespace={NAMESPACE}"
IMAGE = "microcommerce-launcher:0.1.0"
SERVE = "import socketserver; socketserver.TCPServer(('', {port}), socketserver.BaseRequestHandler).serve_forever()"
REACH = "import socket; socket.create_connection(('{host}', {port}), timeout=2)"


def pod(name: str, port: int) -> Json:
    container = {
        "name": "app",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", SERVE.format(port=port)],
        "ports": [{"name": "web", "containerPort": port}],
    }
    spec = {
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"name": name}},
        "spec": spec,
    }


def policy(**spec: Any) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "tried", "namespace": NAMESPACE},
        "spec": spec,
    }


def apply(cluster: Cluster, *objects: Json) -> None:
    cluster.run("apply", "--server-side", "--filename=-", given=yaml.safe_dump_all(objects))


@pytest.fixture(scope="module")
def addresses(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Three pods, and their addresses: a client, and two servers whose `web` is not the same port."""
    apply(
        cluster,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        pod("client", 8000), pod("one", 8001), pod("two", 8002),
    )  # fmt: skip
    try:
        cluster.run("wait", IN, "--for=condition=Ready", "pods", "--all", "--timeout=120s", seconds=130)
        yield {each["metadata"]["name"]: each["status"]["podIP"] for each in cluster.items("pods", IN)}
    finally:
        cluster.run("delete", "namespace", NAMESPACE, seconds=120)


def reaches(cluster: Cluster, host: str, port: int) -> bool:
    try:
        cluster.run("exec", IN, "client", "--", "python", "-c", REACH.format(host=host, port=port))
    except LauncherError:
        return False
    return True


def opens(cluster: Cluster, addresses: dict[str, str], wanted: dict[str, bool]) -> None:
    """Until the engine has seen the policy, and then each server is as reachable as `wanted` says."""
    ports = {"one": 8001, "two": 8002}
    eventually(
        lambda: {name: reaches(cluster, addresses[name], ports[name]) for name in wanted} == wanted,
        f"reachable {wanted}",
        seconds=60,
    )


def test_a_way_out_is_open_to_whom_the_policy_names(cluster: Cluster, addresses: dict[str, str]) -> None:
    """Red for an engine that knows no egress, or that opens a named port at the wrong pod."""
    client = {"matchLabels": {"name": "client"}}
    opens(cluster, addresses, {"one": True, "two": True})
    apply(cluster, policy(podSelector=client, policyTypes=["Egress"]))
    opens(cluster, addresses, {"one": False, "two": False})
    to_two = {"to": [{"podSelector": {"matchLabels": {"name": "two"}}}], "ports": [{"port": "web"}]}
    apply(cluster, policy(podSelector=client, policyTypes=["Egress"], egress=[to_two]))
    opens(cluster, addresses, {"one": False, "two": True})
    everywhere = {"ipBlock": {"cidr": "0.0.0.0/0", "except": [f"{addresses['two']}/32"]}}
    apply(cluster, policy(podSelector=client, policyTypes=["Egress"], egress=[{"to": [everywhere]}]))
    opens(cluster, addresses, {"one": True, "two": False})
    cluster.run("delete", "networkpolicy", "tried", IN)


def test_a_way_in_is_open_to_whom_the_policy_names(cluster: Cluster, addresses: dict[str, str]) -> None:
    """Red for an engine that knows no ingress."""
    one = {"matchLabels": {"name": "one"}}
    apply(cluster, policy(podSelector=one, policyTypes=["Ingress"]))
    opens(cluster, addresses, {"one": False, "two": True})
    from_client = {"from": [{"podSelector": {"matchLabels": {"name": "client"}}}], "ports": [{"port": "web"}]}
    apply(cluster, policy(podSelector=one, policyTypes=["Ingress"], ingress=[from_client]))
    opens(cluster, addresses, {"one": True, "two": True})
    cluster.run("delete", "networkpolicy", "tried", IN)
