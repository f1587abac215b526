"""A release whose migration fails: it stops there, and the release before it serves on."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from launcher.errors import LauncherError
from launcher.k8s import running
from launcher.k8s.cluster import Cluster
from launcher.k8s.pods import of_kind
from tests.k8s.customers import Customers
from tests.k8s.shop import Shop, eventually
from tests.k8s.workloads import IN, becomes_whole, pods

Json = dict[str, Any]
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("order", "{last}")]
    operations = [migrations.RunSQL("SELECT 1 / 0")]
"""
FILE = "/srv/apps/order/migrations/9999_fails.py"
LAST = "import pathlib; print(max(each.stem for each in pathlib.Path('/srv/apps/order/migrations').glob('0*.py')))"
JOB = "order-migrate-next"


@pytest.fixture
def release(cluster: Cluster) -> Iterator[list[Json]]:
    """The order service's next release: today's image, and one migration more, laid over it as a file."""
    last = cluster.run("exec", IN, "deployment/order-api", "--", "python", "-c", LAST).strip()
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "next"}, "data": {"file": MIGRATION.format(last=last)}}  # fmt: skip
    job, deployment = _as_it_is(cluster)
    job["metadata"]["name"], job["spec"]["backoffLimit"] = JOB, 1
    for each in (job, deployment):
        _lay_over(each["spec"]["template"]["spec"])
    cluster.run("apply", "--server-side", "--filename=-", IN, given=yaml.safe_dump(files))
    yield [job, deployment]
    cluster.run("delete", "job", JOB, IN, "--ignore-not-found")
    cluster.run("rollout", "undo", IN, "deployment/order-api")
    becomes_whole(cluster, "order-api")
    cluster.run("delete", "configmap", "next", IN)


def _as_it_is(cluster: Cluster) -> tuple[Json, Json]:
    """The Job and the Deployment as they were applied."""
    wanted = running.manifests_for("local", cluster)
    job = next(
        each for each in of_kind(wanted, "Job") if each["metadata"]["name"].startswith("order-migrate")
    )
    return job, next(
        each for each in of_kind(wanted, "Deployment") if each["metadata"]["name"] == "order-api"
    )


def _lay_over(pod: Json) -> None:
    pod.setdefault("volumes", []).append({"name": "next", "configMap": {"name": "next"}})
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        container.setdefault("volumeMounts", []).append(
            {"name": "next", "mountPath": FILE, "subPath": "file"}
        )


def test_a_migration_that_fails_stops_the_roll_out(cluster: Cluster, shop: Shop, release: list[Json]) -> None:
    """Red when pods do not wait for their database, or when the old ones go before new ones are ready."""
    old = {each["metadata"]["name"] for each in pods(cluster, "order-api")}
    customers = Customers(shop)
    with customers.buying():
        running.apply(cluster, release)  # at once, as `kubectl apply -k` does
        with pytest.raises(LauncherError, match=f"Given up: job/{JOB}"):
            running.wait(cluster, release, print, 240)
        new = eventually(lambda: _new_pod(cluster, old), "a pod of the new release")
        assert new["status"]["phase"] == "Pending"  # its container `migrated` waits
    customers.were_all_served()
    assert old <= {each["metadata"]["name"] for each in pods(cluster, "order-api")}


def _new_pod(cluster: Cluster, old: set[str]) -> Json | None:
    return next((each for each in pods(cluster, "order-api") if each["metadata"]["name"] not in old), None)
