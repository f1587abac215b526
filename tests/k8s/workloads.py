"""What runs on a cluster, and what becomes of it."""

import time
from datetime import datetime
from typing import Any

from launcher.k8s.cluster import Cluster
from launcher.k8s.kustomize import objects, render
from launcher.k8s.pods import of_kind
from launcher.k8s.running import is_ready
from launcher.k8s.secrets import NAMESPACE
from tests.k8s.shop import eventually

Json = dict[str, Any]
IN = f"--namespace={NAMESPACE}"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
DEPLOYMENTS = sorted(each["metadata"]["name"] for each in of_kind(objects(render("base")), "Deployment"))
STORES = ("kafka", "keycloak", "mongod", "postgres", "redis")


def pods(cluster: Cluster, workload: str) -> list[Json]:
    """Of one Deployment or StatefulSet, those that are not on their way out."""
    service, _, component = workload.partition("-")
    wanted = {NAME: service, **({COMPONENT: component or service} if workload not in STORES else {})}
    selector = ",".join(f"{key}={value}" for key, value in wanted.items())
    found = cluster.items("pods", IN, f"--selector={selector}")
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def kind(workload: str) -> str:
    """Its name as kubectl takes it."""
    return f"{'statefulset' if workload in STORES else 'deployment'}/{workload}"


def is_whole(cluster: Cluster, workload: str) -> bool:
    """Whether all of it is ready."""
    return is_ready(cluster.get(kind(workload), IN))


def is_replaced(cluster: Cluster, workload: str, gone: list[Json]) -> bool:
    """Whether other pods than these are there, all of them ready."""
    before = {each["metadata"]["uid"] for each in gone}
    now = {each["metadata"]["uid"] for each in pods(cluster, workload)}
    return bool(now) and not now & before and is_whole(cluster, workload)


def becomes_whole(cluster: Cluster, workload: str) -> float:
    """Wait until it is, and say how many seconds that took."""
    began = time.monotonic()
    eventually(lambda: is_whole(cluster, workload) or None, f"{workload} ready")
    return round(time.monotonic() - began, 1)


def scale(cluster: Cluster, names: list[str], replicas: int) -> None:
    """So many pods of each of these Deployments, all of them ready."""
    cluster.run("scale", IN, f"--replicas={replicas}", *(f"deployment/{name}" for name in names))
    for name in names:
        becomes_whole(cluster, name)


def seconds_until_ready(pod: Json) -> float:
    """From the start of a pod's container until it was ready; Kubernetes counts whole seconds."""
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    ready = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    return (_time(ready["lastTransitionTime"]) - _time(started)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
