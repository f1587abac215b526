"""What manifests must have besides being valid: most of what kube-score asks, and rules of our own.

docs/kubernetes.md has the reasons against the rest. Each check is a function that says what is wrong, and none is ever silenced: what a manifest need not have, no check
asks of it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from launcher.k8s.pods import Workload, of_kind, selects, workloads

Json = dict[str, Any]
Check = Callable[[Sequence[Json]], Iterator[str]]

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
RESOURCES = ("cpu", "memory", "ephemeral-storage")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|DATABASE_URL|REDIS_URL")
PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def complaints(objects: Sequence[Json]) -> Iterator[str]:
    """What every check finds."""
    for check in CHECKS:
        yield from check(objects)


def pods_are_locked(objects: Sequence[Json]) -> Iterator[str]:
    """PodSecurity "restricted", and more: no token, no user of the node, nothing to write to."""
    for each in workloads(objects):
        pod, security = each.pod, each.pod.get("securityContext", {})
        yield from _unless(each, pod.get("automountServiceAccountToken") is False, "has a token")
        yield from _unless(each, pod.get("enableServiceLinks") is False, "has variables of every Service")
        yield from _unless(each, security.get("runAsNonRoot") is True, "may be root")
        yield from _unless(
            each, security.get("seccompProfile") == {"type": "RuntimeDefault"}, "has no seccomp"
        )
        yield from _unless(
            each, not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}, "is part of the host"
        )
        for container in each.all_containers:
            context = container.get("securityContext", {})
            yield from _unless(
                each, context == LOCKED, f"container {container['name']} is not locked: {context}"
            )


def pods_have_users_of_their_own(objects: Sequence[Json]) -> Iterator[str]:
    """No user of a pod is one of the node's: a component takes this away for nodes that cannot."""
    for each in workloads(objects):
        yield from _unless(each, each.pod.get("hostUsers") is False, "has the node's users")


def containers_have_resources(objects: Sequence[Json]) -> Iterator[str]:
    """Requests and limits of everything that a node runs out of."""
    for each in workloads(objects):
        for container in each.all_containers:
            for kind in ("requests", "limits"):
                missing = set(RESOURCES) - container.get("resources", {}).get(kind, {}).keys()
                yield from _unless(
                    each, not missing, f"container {container['name']}: no {kind} of {missing}"
                )


def images_have_tags(objects: Sequence[Json]) -> Iterator[str]:
    """A tag that names a release, or a digest."""
    for each in workloads(objects):
        for container in each.all_containers:
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            is_named = tag not in ("", "latest") or "@sha256:" in container["image"]
            yield from _unless(each, is_named, f"image {container['image']} may be another one tomorrow")


def probes_differ(objects: Sequence[Json]) -> Iterator[str]:
    """Start, readiness and liveness are three questions."""
    for each in workloads(objects):
        for container in each.containers if each.kind != "Job" else ():
            found = [container.get(name) for name in PROBES]
            yield from _unless(each, None not in found, f"lacks one of {', '.join(PROBES)}")
            yield from _unless(
                each, all(found.count(probe) == 1 for probe in found), "asks the same by two probes"
            )


def deployments_roll_out_gently(objects: Sequence[Json]) -> Iterator[str]:
    """Never fewer pods than wanted, and time to end for those that go."""
    for each in _deployments(objects):
        strategy = each.manifest["spec"].get("strategy", {}).get("rollingUpdate")
        yield from _unless(each, strategy == {"maxUnavailable": 0, "maxSurge": 1}, "may have too few pods")
        grace = each.pod.get("terminationGracePeriodSeconds", 30)
        for container in each.containers:
            sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            yield from _unless(each, sleep < grace, "is killed in its sleep")
            if "http" in each.ports.values():
                yield from _unless(each, sleep > 0, "ends while it is still sent requests: no preStop")
        keys = [each.get("matchLabelKeys", ()) for each in each.pod.get("topologySpreadConstraints", ())]
        yield from _unless(each, any("pod-template-hash" in found for found in keys), "is not spread")


def deployments_can_be_drained(objects: Sequence[Json]) -> Iterator[str]:
    """One budget for each, which holds no node for a pod that is ill."""
    budgets = of_kind(objects, "PodDisruptionBudget")
    for each in _deployments(objects):
        mine = [budget["spec"] for budget in budgets if selects(budget["spec"]["selector"], each.labels)]
        yield from _unless(each, len(mine) == 1, f"has {len(mine)} disruption budgets")
        for spec in mine:
            good = spec.get("maxUnavailable") == 1 and spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
            yield from _unless(each, good, f"has a budget that can hold a drain up: {spec}")


def replicas_are_one_matter(objects: Sequence[Json]) -> Iterator[str]:
    """Either an autoscaler says how many there are, or the Deployment does: else each apply undoes the other."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in of_kind(objects, "HorizontalPodAutoscaler")
    }
    by_keda = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(objects, "ScaledObject")}
    names = {each.name for each in _deployments(objects)}
    yield from (
        f"HorizontalPodAutoscaler {name}: there is no such Deployment" for name in scaled.keys() - names
    )
    yield from (f"ScaledObject {name}: there is no such Deployment" for name in by_keda - names)
    yield from (f"Deployment {name}: has two autoscalers" for name in scaled.keys() & by_keda)
    for each in _deployments(objects):
        fixed = "replicas" in each.manifest["spec"]
        yield from _unless(
            each,
            fixed != (each.name in scaled or each.name in by_keda),
            "has two numbers of replicas, or none",
        )


def objects_have_a_place(objects: Sequence[Json]) -> Iterator[str]:
    """A namespace of their own choice: without one they land where whoever applies them happens to be."""
    for each in objects:
        if each["kind"] != "Namespace" and "namespace" not in each["metadata"]:
            yield f"{each['kind']} {each['metadata']['name']}: has no namespace"


def policies_concern_somebody(objects: Sequence[Json]) -> Iterator[str]:
    """A policy that selects no pod of its namespace opens and closes nothing."""
    for policy in of_kind(objects, "NetworkPolicy"):
        selector, place = policy["spec"]["podSelector"], policy["metadata"].get("namespace", "default")
        if not any(each.namespace == place and selects(selector, each.labels) for each in workloads(objects)):
            yield f"NetworkPolicy {policy['metadata']['name']}: is about no pod"


def nobody_may_talk_at_first(objects: Sequence[Json]) -> Iterator[str]:
    """A policy that denies everything, in each namespace that has pods."""
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    denied = {
        each["metadata"].get("namespace", "default")
        for each in of_kind(objects, "NetworkPolicy")
        if each["spec"] == everything
    }
    for namespace in {each.namespace for each in workloads(objects)} - denied:
        yield f"Namespace {namespace}: no policy denies everything"


def secrets_are_elsewhere(objects: Sequence[Json]) -> Iterator[str]:
    """Manifests name Secrets and hold none."""
    yield from (
        f"Secret {each['metadata']['name']}: belongs into no manifest" for each in of_kind(objects, "Secret")
    )
    for each in workloads(objects):
        for container in each.all_containers:
            for variable in container.get("env", ()):
                said = variable.get("value", "")
                is_secret = bool(said) and bool(SECRET_NAME.search(variable["name"]))
                yield from _unless(
                    each,
                    not is_secret and not PASSWORD_IN_URL.search(said),
                    f"{variable['name']} is said openly",
                )
    for config in of_kind(objects, "ConfigMap"):
        for key, value in config.get("data", {}).items():
            if SECRET_NAME.search(key) or PASSWORD_IN_URL.search(value):
                yield f"ConfigMap {config['metadata']['name']}: {key} is no secret any more"


def references_lead_somewhere(objects: Sequence[Json]) -> Iterator[str]:
    """ConfigMaps, accounts and ports that are named exist, and every Service has pods."""
    maps = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    accounts = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")}
    for each in workloads(objects):
        yield from _unless(
            each, each.pod.get("serviceAccountName") in accounts, "has an account that is not there"
        )
        for container in each.all_containers:
            named = {
                source["configMapRef"]["name"]
                for source in container.get("envFrom", ())
                if "configMapRef" in source
            }
            yield from _unless(each, named <= maps, f"reads {named - maps}, which is not there")
    for service in of_kind(objects, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        behind = [each for each in workloads(objects) if selects(selector, each.labels)]
        for port in service["spec"]["ports"]:
            if not behind or any(port["targetPort"] not in each.ports.values() for each in behind):
                yield f"Service {service['metadata']['name']}: nobody listens on {port['targetPort']}"


def _deployments(objects: Iterable[Json]) -> Iterator[Workload]:
    """Ours: what brings a store for tests is not rolled out under load."""
    return (
        each
        for each in workloads(objects)
        if each.kind == "Deployment" and "app" in {c["name"] for c in each.containers}
    )


def _unless(owner: Workload, is_well: bool, complaint: str) -> Iterator[str]:
    if not is_well:
        yield f"{owner.kind} {owner.name}: {complaint}"


CHECKS: tuple[Check, ...] = (
    pods_are_locked,
    pods_have_users_of_their_own,
    containers_have_resources,
    images_have_tags,
    probes_differ,
    deployments_roll_out_gently,
    deployments_can_be_drained,
    replicas_are_one_matter,
    objects_have_a_place,
    policies_concern_somebody,
    nobody_may_talk_at_first,
    secrets_are_elsewhere,
    references_lead_somewhere,
)
