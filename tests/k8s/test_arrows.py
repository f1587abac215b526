"""Every pair of pods: the arrows of the architecture are open, and no other is."""

import json
from typing import Any

import pytest

from launcher.k8s.cluster import Cluster
from tests.k8s.workloads import COMPONENT, IN, NAME

Json = dict[str, Any]
CALLS = "calls.microcommerce/"
# Tries all addresses at once, and prints those that took a connection.
TRY = """
import asyncio, json, sys
async def reaches(host, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
async def main(places):
    found = await asyncio.gather(*(reaches(host, port) for _, host, port in places))
    print(json.dumps([name for (name, _, _), yes in zip(places, found) if yes]))
asyncio.run(main(json.loads(sys.argv[1])))
"""


def pods(cluster: Cluster) -> list[Json]:
    """One pod of each kind."""
    running = cluster.items("pods", IN, "--field-selector=status.phase=Running")
    return list({kind(each): each for each in running}.values())


def kind(pod: Json) -> str:
    labels = pod["metadata"]["labels"]
    return "-".join(filter(None, (labels[NAME], labels.get(COMPONENT))))


def places(found: list[Json]) -> list[tuple[str, str, int]]:
    """Every port of every pod."""
    return [
        (f"{kind(pod)}:{port['containerPort']}", pod["status"]["podIP"], port["containerPort"])
        for pod in found
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
    ]


def may_reach(pod: Json, target: Json, port: str) -> bool:
    """What the architecture says, from the labels beside each Deployment's environment."""
    calls = {key.removeprefix(CALLS) for key in pod["metadata"]["labels"] if key.startswith(CALLS)}
    name, component = target["metadata"]["labels"][NAME], target["metadata"]["labels"].get(COMPONENT)
    if component == "api":
        return port == "http" and ("services" in calls or name in calls)
    ports = {
        "postgres": "postgres",
        "mongod": "mongod",
        "redis": "redis",
        "kafka": "kafka",
        "keycloak": "http",
        "mail": "smtp",
    }
    return name in calls and ports.get(name) == port


def test_each_arrow_is_open_and_every_other_closed(cluster: Cluster) -> None:
    """Red when a policy is missing, opens too much, or forgets a call that a pod makes."""
    found = pods(cluster)
    if len(found) < 15:
        pytest.fail(f"only {len(found)} kinds of pods run")
    wrong = {}
    for pod in found:
        if "microcommerce-" not in pod["spec"]["containers"][0]["image"]:
            continue  # a store has no Python to ask with
        told = cluster.run(
            "exec",
            IN,
            pod["metadata"]["name"],
            "--",
            "python",
            "-c",
            TRY,
            json.dumps(places(others(found, pod))),
        )
        wanted = {
            f"{kind(target)}:{port['containerPort']}"
            for target in others(found, pod)
            for port in target["spec"]["containers"][0].get("ports") or ()
            if may_reach(pod, target, port["name"])
        }
        if difference := set(json.loads(told)) ^ wanted:
            wrong[kind(pod)] = sorted(difference)
    assert wrong == {}


def others(found: list[Json], pod: Json) -> list[Json]:
    return [each for each in found if each is not pod]
