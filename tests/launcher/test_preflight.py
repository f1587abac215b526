"""`k8s up` says what a cluster lacks before it applies anything."""

from dataclasses import replace
from typing import Any

import pytest

from launcher.k8s.images import full_name, without_tag
from launcher.k8s.preflight import Found, complaints, images

Json = dict[str, Any]
ENOUGH = Found(
    version=(1, 36),
    secrets={"order": ("MICROCOMMERCE_SECRET_KEY",), "postgres": ("postgres",)},
    images={"docker.io/library/microcommerce-order:0.1.0"},
    enforces_policies=True,
)
POD: Json = {
    "hostUsers": False,
    "containers": [
        {
            "image": "microcommerce-order:0.1.0",
            "envFrom": [{"secretRef": {"name": "order"}}, {"secretRef": {"name": "extra", "optional": True}}],
            "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "postgres", "key": "postgres"}}}],
        }
    ],
}
WANTED: list[Json] = [
    {"kind": "Deployment", "metadata": {"name": "order-api"}, "spec": {"template": {"spec": POD}}},
    {"kind": "NetworkPolicy", "metadata": {"name": "default-deny"}, "spec": {"podSelector": {}}},
]


def test_nothing_is_said_of_a_cluster_that_has_everything() -> None:
    assert list(complaints(WANTED, ENOUGH)) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            replace(ENOUGH, version=(1, 32)),
            "The cluster is Kubernetes 1.32; the manifests need 1.33 or later.",
        ),
        (replace(ENOUGH, secrets={"postgres": ("postgres",)}), "The Secret order is missing."),
        (
            replace(ENOUGH, secrets={**ENOUGH.secrets, "postgres": ("other",)}),
            "The Secret postgres has no postgres.",
        ),
        (
            replace(ENOUGH, images={"docker.io/library/microcommerce-order:0.0.9"}),
            "The image microcommerce-order:0.1.0 is on no node, and its name has no registry to fetch it from.",
        ),
        (
            replace(ENOUGH, enforces_policies=False),
            "Nothing in the cluster enforces NetworkPolicies: every pod could talk to every other.",
        ),
        (
            replace(ENOUGH, without_user_namespaces=["node1"]),
            "The container runtime of node1 cannot give pods users of their own (hostUsers: false).",
        ),
    ],
    ids=["too old", "no secret", "no key", "wrong image", "no policy engine", "no user namespaces"],
)
def test_what_is_missing_is_named(found: Found, said: str) -> None:
    """Red for each check that is taken out."""
    assert list(complaints(WANTED, found)) == [said]


def test_a_secret_that_the_manifests_bring_is_not_missed() -> None:
    brought = {"kind": "Secret", "metadata": {"name": "order"}}
    assert list(complaints([*WANTED, brought], replace(ENOUGH, secrets={"postgres": ("postgres",)}))) == []


def test_an_image_is_named_as_the_node_names_it() -> None:
    assert full_name("postgres:18") == "docker.io/library/postgres:18"
    assert full_name("apache/kafka:4.4.0") == "docker.io/apache/kafka:4.4.0"
    assert full_name("registry.example.com/shop/order:1") == "registry.example.com/shop/order:1"
    assert full_name("localhost:5000/order") == "localhost:5000/order"
    assert without_tag("localhost:5000/microcommerce-order:0.1.0") == "microcommerce-order"
    assert without_tag("valkey/valkey@sha256:0123") == "valkey"


def test_init_containers_need_their_images_too() -> None:
    pod = {**POD, "initContainers": [{"image": "microcommerce-stock:0.1.0"}]}
    assert images([{"kind": "Job", "spec": {"template": {"spec": pod}}}]) == {
        "microcommerce-order:0.1.0",
        "microcommerce-stock:0.1.0",
    }
