"""The platform on a cluster: looked at first, then applied, then waited for."""

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import yaml

from launcher.errors import LauncherError
from launcher.instance import ROOT
from launcher.k8s import lab, preflight
from launcher.k8s.cluster import Cluster
from launcher.k8s.kustomize import objects, render
from launcher.k8s.secrets import NAMESPACE
from launcher.k8s.secrets import manifests as secrets

Json = dict[str, Any]
Say = Callable[[str], None]
SHARE = 8
READY_SECONDS = 900  # a small machine starts thirty pods in that time; what takes longer hangs
MANAGER = "--field-manager=microcommerce"


def bring_up(overlay: str, say: Say, *, in_lab: bool) -> Cluster:
    """Apply an overlay and wait until all of it is ready. Raises LauncherError before anything is applied if it cannot be."""
    if in_lab:
        say("the lab's container runtime has no user namespaces: hostUsers is left out")
        say(
            f"the lab has two cores: containers ask for 1/{SHARE} of their processor time, and nothing scales by itself"
        )
        lab.start(say)
        cluster = lab.cluster()
        wanted = manifests_for(overlay, cluster)
        _restart_where_new(wanted, lab.bring_images(preflight.images(wanted), say))
        apply(cluster, [_namespace(wanted)])
        if overlay == "local":
            cluster.run("apply", "--server-side", MANAGER, "--filename=-", given=secrets())
        _see_images(cluster, wanted)
    else:
        cluster = Cluster()
        wanted = manifests_for(overlay, cluster)
    found = preflight.look(cluster, NAMESPACE)
    if complaints := list(preflight.complaints(wanted, found)):
        raise LauncherError(
            "Nothing was applied:\n" + "\n".join(f"  - {each}" for each in complaints), _WAY_OUT
        )
    say(f"Kubernetes {found.version[0]}.{found.version[1]} has what the manifests need")
    for stage in stages(wanted):
        apply(cluster, stage)
        wait(cluster, stage, say)
    return cluster


def stages(wanted: Sequence[Json]) -> list[list[Json]]:
    """What is applied together and waited for: stores and settings, then migrations and the like, then what serves.

    `kubectl apply -k` does it all at once and comes to the same end, since pods wait for what they need; a small machine
    gets there sooner by turns, and a migration that fails is seen before anything else is changed.
    """
    found: list[list[Json]] = [[], [], []]
    for each in wanted:
        found[_stage(each)].append(each)
    return [stage for stage in found if stage]


def _stage(each: Json) -> int:
    needs_services = each["metadata"]["name"].startswith("demo-stock")
    if each["kind"] == "Job" and not needs_services:
        return 1
    return 2 if each["kind"] in ("Deployment", "Job") else 0


def apply(cluster: Cluster, wanted: Sequence[Json]) -> None:
    """Apply on the server's side: unknown fields are refused, and what another owner set is not overwritten unseen."""
    text = yaml.safe_dump_all(wanted)
    cluster.run(
        "apply",
        "--server-side",
        MANAGER,
        "--force-conflicts",
        "--validate=strict",
        "--filename=-",
        given=text,
        seconds=120,
    )


def wait(cluster: Cluster, wanted: Sequence[Json], say: Say, seconds: float = READY_SECONDS) -> None:
    """Until each of these that runs something is as it should be. Raises LauncherError that says what is not."""
    began = time.monotonic()
    known: set[str] = set()
    while True:
        there = cluster.items("deployments,statefulsets,jobs", f"--namespace={NAMESPACE}")
        waiting = states(there, {_named(each) for each in wanted})
        if waiting["failed"]:
            raise LauncherError(
                f"Given up: {', '.join(waiting['failed'])}. What served before serves on.",
                f"`kubectl --namespace {NAMESPACE} logs {waiting['failed'][0]}` says why; to try again, delete it first.",
            )
        for name in sorted(set(waiting["ready"]) - known):
            say(f"{time.monotonic() - began:5.0f} s  {name}")
            known.add(name)
        if not waiting["unready"]:
            return
        if time.monotonic() - began > seconds:
            raise LauncherError(
                f"Not ready after {seconds:.0f} s: {', '.join(waiting['unready'])}",
                f"kubectl --namespace {NAMESPACE} get pods; kubectl --namespace {NAMESPACE} describe pod NAME",
            )
        time.sleep(2)


def states(there: Iterable[Json], names: Collection[str]) -> dict[str, list[str]]:
    """Which of these, as kind/name, are ready, are not yet, and never will be."""
    found: dict[str, list[str]] = {"ready": [], "unready": [], "failed": []}
    for each in there:
        if (name := _named(each)) in names:
            state = "failed" if _has_failed(each) else "ready" if is_ready(each) else "unready"
            found[state].append(name)
    return found


def _named(each: Json) -> str:
    return f"{each['kind'].lower()}/{each['metadata']['name']}"


def _has_failed(each: Json) -> bool:
    conditions = (each.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Failed" and condition["status"] == "True" for condition in conditions)


def is_ready(each: Json) -> bool:
    """Whether a Deployment or StatefulSet has all its pods, of its latest template, or a Job has ended well."""
    status, spec = each.get("status") or {}, each["spec"]
    if each["kind"] == "Job":
        return bool(status.get("succeeded"))
    wanted = spec.get("replicas", 1)
    is_seen = status.get("observedGeneration") == each["metadata"]["generation"]
    updated = status.get("updatedReplicas", 0) if each["kind"] == "Deployment" else wanted
    counts = {updated, wanted, status.get("readyReplicas", 0), status.get("replicas", 0)}
    return bool(is_seen and len(counts) == 1)


def run_tests(arguments: Sequence[str], *, in_lab: bool) -> bool:
    """Run tests/k8s, where the cluster can be reached; whether all of it passed."""
    cluster = lab.cluster() if in_lab else Cluster()
    command = [*cluster.through, sys.executable, "-m", "pytest", "tests/k8s", "-v", *arguments]
    environment = {**cluster.environment, "KUBECTL": cluster.kubectl, "IS_LAB": "yes" if in_lab else ""}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def take_down(say: Say, *, in_lab: bool) -> None:
    """Remove the namespace and everything in it, volumes' claims too; of the lab, the cluster itself."""
    if in_lab:
        lab.stop(say)
        return
    Cluster().run("delete", "namespace", NAMESPACE, "--ignore-not-found", seconds=300)
    say(f"The namespace {NAMESPACE} is gone.")


def _namespace(wanted: Sequence[Json]) -> Json:
    return next(each for each in wanted if each["kind"] == "Namespace")


def _restart_where_new(wanted: Sequence[Json], held: Mapping[str, str]) -> None:
    """Pods are made anew when their image is another one under the same tag, as happens where somebody develops."""
    for each in wanted:
        if each["kind"] in ("Deployment", "StatefulSet"):
            template = each["spec"]["template"]
            image = template["spec"]["containers"][0]["image"]
            template["metadata"].setdefault("annotations", {})["microcommerce/image"] = held[image]


def _see_images(cluster: Cluster, wanted: Sequence[Json]) -> None:
    """Until the node has told what it holds; it does so once in a while, and before that the look would miss them."""
    names = {each for each in preflight.images(wanted) if each.startswith("microcommerce-")}
    until = time.monotonic() + 90
    while names - _short(preflight.look(cluster, NAMESPACE).images) and time.monotonic() < until:
        time.sleep(3)


def _short(images: Any) -> set[str]:
    return {each.removeprefix("docker.io/library/") for each in images}


def manifests_for(overlay: str, cluster: Cluster) -> list[Json]:
    """An overlay's objects; for the lab without what a node of two cores and Debian's containerd cannot do."""
    wanted = objects(render(overlay))
    if not cluster.is_lab:
        return wanted
    for each in wanted:
        pod = ((each.get("spec") or {}).get("template") or {}).get("spec") or {}
        pod.pop("hostUsers", None)
        for container in (*pod.get("initContainers", ()), *pod.get("containers", ())):
            requests = container["resources"]["requests"]
            requests["cpu"] = f"{max(_millicores(requests['cpu']) // SHARE, 1)}m"
    return [each for each in wanted if each["kind"] != "HorizontalPodAutoscaler"]


def _millicores(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)


_WAY_OUT = (
    "docs/kubernetes.md says how each comes to be there. Secrets of overlays/local: "
    "`manage_all.py k8s secrets | kubectl apply -f -`, in the namespace microcommerce."
)
