"""What would go wrong on a cluster, found before anything is applied: said once, with what is missing by its name."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from launcher.errors import LauncherError
from launcher.k8s.cluster import Cluster
from launcher.k8s.images import full_name

Json = Mapping[str, Any]
# Pods with users of their own are on by default since 1.33; the rest that the manifests use is older.
OLDEST = (1, 33)
# Who enforces NetworkPolicies, by the beginning of its DaemonSet's name.
ENGINES = ("antrea", "calico", "canal", "cilium", "kindnet", "kube-router", "ovn", "weave")


@dataclass(frozen=True)
class Found:
    """What a cluster has."""

    version: tuple[int, int]
    secrets: Mapping[str, Collection[str]]  # name -> its keys
    images: Collection[str]  # on any node, in full
    enforces_policies: bool
    without_user_namespaces: Collection[str] = ()  # nodes that cannot give a pod users of its own


def look(cluster: Cluster, namespace: str) -> Found:
    """Ask the cluster. Raises LauncherError where it does not answer."""
    told = cluster.run("version", "--output=json")
    numbers = re.search(r'"serverVersion".*?"major": "(\d+)".*?"minor": "(\d+)', told, re.DOTALL)
    if numbers is None:
        raise LauncherError("The cluster does not say which version it is.", "")
    nodes = cluster.items("nodes")
    secrets = cluster.items("secrets", f"--namespace={namespace}")
    return Found(
        version=(int(numbers.group(1)), int(numbers.group(2))),
        secrets={each["metadata"]["name"]: tuple(each.get("data") or ()) for each in secrets},
        images={
            name
            for node in nodes
            for image in node["status"].get("images") or ()
            for name in image.get("names") or ()
        },
        enforces_policies=_enforces_policies(cluster, nodes),
        without_user_namespaces=[
            node["metadata"]["name"] for node in nodes if not _has_user_namespaces(node)
        ],
    )


def _enforces_policies(cluster: Cluster, nodes: Iterable[Json]) -> bool:
    if any("+k3s" in node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes):
        return True  # k3s has an engine inside
    told = cluster.items("configmaps", "--namespace=kube-system")
    if any(each["metadata"]["name"] == "network-policy-engine" for each in told):
        return True  # somebody says so, as tests/k8s/lab/objects.yaml does
    running = cluster.items("daemonsets", "--all-namespaces")
    return any(each["metadata"]["name"].startswith(ENGINES) for each in running)


def _has_user_namespaces(node: Json) -> bool:
    handlers = node["status"].get("runtimeHandlers") or ()
    return any((each.get("features") or {}).get("userNamespaces") for each in handlers)


def complaints(objects: Iterable[Json], found: Found) -> Iterator[str]:
    """Everything that stands in the way of these manifests; nothing where nothing does."""
    objects = list(objects)
    if found.version < OLDEST:
        version, oldest = (".".join(map(str, each)) for each in (found.version, OLDEST))
        yield f"The cluster is Kubernetes {version}; the manifests need {oldest} or later."
    if not found.enforces_policies and any(each["kind"] == "NetworkPolicy" for each in objects):
        yield "Nothing in the cluster enforces NetworkPolicies: every pod could talk to every other."
    pods = [each for each in map(_pod, objects) if each is not None]
    if found.without_user_namespaces and any(pod.get("hostUsers") is False for pod in pods):
        nodes = ", ".join(found.without_user_namespaces)
        yield f"The container runtime of {nodes} cannot give pods users of their own (hostUsers: false)."
    yield from _missing_secrets(objects, pods, found)
    yield from _missing_images(pods, found)


def _missing_secrets(objects: Iterable[Json], pods: Iterable[Json], found: Found) -> Iterator[str]:
    brought = {each["metadata"]["name"] for each in objects if each["kind"] == "Secret"}
    wanted: dict[str, set[str]] = {}
    for name, key in (reference for pod in pods for reference in _secrets(pod)):
        wanted.setdefault(name, set()).update({key} if key else ())
    for name, keys in sorted(wanted.items()):
        if name in brought:
            continue
        if name not in found.secrets:
            yield f"The Secret {name} is missing."
        elif missing := keys - set(found.secrets[name]):
            yield f"The Secret {name} has no {', '.join(sorted(missing))}."


def _secrets(pod: Json) -> Iterator[tuple[str, str]]:
    """The Secrets that a pod cannot start without: name, and key if it wants a certain one."""
    for container in _containers(pod):
        for each in container.get("envFrom") or ():
            if "secretRef" in each and not each["secretRef"].get("optional"):
                yield each["secretRef"]["name"], ""
        for each in container.get("env") or ():
            reference = (each.get("valueFrom") or {}).get("secretKeyRef")
            if reference and not reference.get("optional"):
                yield reference["name"], reference["key"]
    for volume in pod.get("volumes") or ():
        if "secret" in volume and not volume["secret"].get("optional"):
            yield volume["secret"]["secretName"], ""


def _missing_images(pods: Iterable[Json], found: Found) -> Iterator[str]:
    """Images of ours: no registry that a node could fetch them from is in their names, so a node must have them."""
    names = {container["image"] for pod in pods for container in _containers(pod)}
    for name in sorted(each for each in names if "/" not in each and each.startswith("microcommerce-")):
        if full_name(name) not in found.images:
            yield f"The image {name} is on no node, and its name has no registry to fetch it from."


def _pod(each: Json) -> Json | None:
    """What an object says of the pods that come of it."""
    found: Json | None = ((each.get("spec") or {}).get("template") or {}).get("spec")
    return found


def _containers(pod: Json) -> list[Json]:
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


def images(objects: Iterable[Json]) -> set[str]:
    """Every image that manifests name."""
    pods = (each for each in map(_pod, objects) if each is not None)
    return {container["image"] for pod in pods for container in _containers(pod)}
