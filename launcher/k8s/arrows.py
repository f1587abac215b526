"""Which pods may open connections to which others, as the NetworkPolicies of some manifests say."""

from collections.abc import Iterator, Sequence
from typing import Any

from launcher.k8s.pods import Workload, of_kind, selects, workloads

Json = dict[str, Any]
Arrow = tuple[str, str, int]  # who calls, who is called, on which port

ANYONE = "anyone"  # somebody outside of the namespace


def arrows(objects: Sequence[Json]) -> set[Arrow]:
    """Every open arrow between the pods of the manifests, and those from outside."""
    pods = list(workloads(objects))
    policies = of_kind(objects, "NetworkPolicy")
    return {
        (source.name if source else ANYONE, target.name, port)
        for source in (*pods, None)
        for target in pods
        for port in target.ports
        if source is not target and _is_open(policies, source, target, port)
    }


def _is_open(policies: Sequence[Json], source: Workload | None, target: Workload, port: int) -> bool:
    lets_in = _allowed(policies, "Ingress", target, source, target, port)
    return lets_in and (source is None or _allowed(policies, "Egress", source, target, target, port))


def _allowed(
    policies: Sequence[Json], side: str, owner: Workload, other: Workload | None, target: Workload, port: int
) -> bool:
    """Whether the policies of `owner` let it talk to `other`: each policy adds, and with none everything may be."""
    mine = [each["spec"] for each in policies if _concerns(each, side, owner)]
    return not mine or any(_matches(rule, side, other, target, port) for rule in _rules(mine, side))


def _concerns(policy: Json, side: str, pod: Workload) -> bool:
    spec = policy["spec"]
    here = policy["metadata"].get("namespace", "default") == pod.namespace
    return here and side in spec["policyTypes"] and selects(spec["podSelector"], pod.labels)


def _rules(policies: Sequence[Json], side: str) -> Iterator[Json]:
    for spec in policies:
        yield from spec.get(side.lower(), ())


def _matches(rule: Json, side: str, other: Workload | None, target: Workload, port: int) -> bool:
    peers = rule.get("from" if side == "Ingress" else "to")
    ports = rule.get("ports")
    peer_fits = peers is None or (other is not None and any(_is_peer(peer, other) for peer in peers))
    return peer_fits and (ports is None or any(each["port"] in (port, target.ports[port]) for each in ports))


def _is_peer(peer: Json, pod: Workload) -> bool:
    if "ipBlock" in peer:
        return False  # the world outside
    namespace = {"kubernetes.io/metadata.name": pod.namespace}
    in_namespace = "namespaceSelector" not in peer or selects(peer["namespaceSelector"], namespace)
    return in_namespace and selects(peer.get("podSelector", {}), pod.labels)
