"""The API of a real cluster takes every manifest, strictly: an unknown field or a value out of range is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from launcher.k8s.cluster import Cluster
from launcher.k8s.kustomize import objects, overlays, render

Json = dict[str, Any]


@pytest.fixture
def operators(cluster: Cluster) -> Iterator[None]:
    """The operators' kinds that manifests use and the cluster does not know, for as long as the test runs.

    They take any field: `k8s validate` holds such objects to the operators' own schemas.
    """
    known = {line.split()[-1] for line in cluster.run("api-resources", "--no-headers").splitlines()}
    wanted = [each for name in overlays() for each in objects(render(name)) if each["kind"] not in known]
    made = {each["kind"]: _definition(each) for each in wanted}
    if made:
        cluster.run("apply", "--server-side", "--filename=-", given=yaml.safe_dump_all(made.values()))
        names = [f"customresourcedefinition/{each['metadata']['name']}" for each in made.values()]
        cluster.run("wait", "--for=condition=Established", *names, "--timeout=60s", seconds=70)
    yield
    if made:
        cluster.run("delete", *names)


def _definition(each: Json) -> Json:
    group, _, version = each["apiVersion"].partition("/")
    plural = f"{each['kind'].lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": each["kind"], "plural": plural, "singular": each["kind"].lower()},
            "scope": "Namespaced",
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
            ],
        },
    }


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize("overlay", ["base", *overlays()])
def test_every_object_is_taken(cluster: Cluster, overlay: str) -> None:
    """Red for a misspelt field, which `kubectl apply` without `--validate=strict` only warns of."""
    wanted = _in_namespaces_that_are_there(objects(render(overlay)))
    said = cluster.run(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts",
        "--field-manager=tests", "--filename=-", given=yaml.safe_dump_all(wanted), seconds=120,
    )  # fmt: skip
    assert len(said.splitlines()) == len(wanted)


def _in_namespaces_that_are_there(wanted: list[Json]) -> list[Json]:
    """Jobs under a name of their own, since those that have run cannot be changed; all in our namespace."""
    for each in wanted:
        if each["kind"] == "Job":
            each["metadata"]["name"] += "-tried"
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = "microcommerce"
    return wanted
