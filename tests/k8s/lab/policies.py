"""NetworkPolicy for the lab cluster, whose network (the CNI plug-in `bridge`) enforces none: a test engine.

Once a second it reads pods, namespaces and policies from the API and writes them as one nftables table, `ip policies`,
in the network namespace that it runs in: `policies.py DIRECTORY-OF-KEYS API-SERVER ADDRESS-OF-THE-NODE`.

What comes from the node itself (the kubelet's probes, the ingress controller) is let in, as the documentation of
Kubernetes says of every implementation. Cluster DNS runs on the node here: for policies it is the pod that it is elsewhere.
IPv4, TCP and UDP. Standard library only: the machine's own Python runs it.
"""

import http.client
import json
import ssl
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
PATHS = ("/api/v1/pods", "/api/v1/namespaces", "/apis/networking.k8s.io/v1/networkpolicies")
FINISHED = ("Succeeded", "Failed")
ESTABLISHED = "ct state established,related accept"


@dataclass(frozen=True)
class Direction:
    """One of the two ways that a policy looks at."""

    kind: str
    rules: str  # where its rules stand in a policy's spec
    peers: str  # where a rule names the other side
    pod: str  # the pod's own side of a packet, as nftables calls it
    other: str


INGRESS = Direction("Ingress", "ingress", "from", "daddr", "saddr")
EGRESS = Direction("Egress", "egress", "to", "saddr", "daddr")


def dns_pod(node: str) -> Json:
    """Cluster DNS as policies know it."""
    labels = {"k8s-app": "kube-dns"}
    metadata = {"name": "kube-dns", "namespace": "kube-system", "labels": labels}
    return {"metadata": metadata, "spec": {"containers": []}, "status": {"podIP": node}}


def selects(selector: Json, labels: Mapping[str, str] | None) -> bool:
    """Whether a label selector holds for `labels`; an empty one holds for all."""
    labels = labels or {}
    named = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in named) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": value is not None and value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]


def table(
    pods: Iterable[Json], namespaces: Iterable[Json], policies: Sequence[Json], elsewhere: Sequence[Json] = ()
) -> str:
    """The nftables table; `elsewhere` are peers that are no pods of this network."""
    labels = {each["metadata"]["name"]: each["metadata"].get("labels") for each in namespaces}
    reachable = [each for each in pods if _has_address(each)]
    peers = (*reachable, *elsewhere)
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"Ingress": [], "Egress": []}
    for pod in reachable:
        for direction in (INGRESS, EGRESS):
            held = [each for each in policies if _applies(each, pod, direction)]
            if held:
                name = f"{direction.kind}_{_address(pod).replace('.', '_')}"
                allowed = [rule for each in held for rule in _rules(each, pod, direction, peers, labels)]
                chains.append(f"chain {name} {{ {' ; '.join([*allowed, 'drop'])} ; }}")
                jumps[direction.kind].append(f"ip {direction.pod} {_address(pod)} jump {name}")
    forward = " ; ".join((ESTABLISHED, *jumps["Egress"], *jumps["Ingress"]))
    to_node = " ; ".join((ESTABLISHED, *jumps["Egress"]))
    return "\n".join((
        "table ip policies {",
        *chains,
        f"chain forward {{ type filter hook forward priority 10 ; {forward} ; }}",
        f"chain input {{ type filter hook input priority 10 ; {to_node} ; }}",
        "}",
    ))  # fmt: skip


def _has_address(pod: Json) -> bool:
    status = pod["status"]
    return bool(
        status.get("podIP") and not pod["spec"].get("hostNetwork") and status.get("phase") not in FINISHED
    )


def _address(pod: Json) -> str:
    return str(pod["status"]["podIP"])


def _applies(policy: Json, pod: Json, direction: Direction) -> bool:
    """Whether the policy says anything of what goes this way at this pod."""
    spec, metadata = policy["spec"], pod["metadata"]
    return (
        policy["metadata"]["namespace"] == metadata["namespace"]
        and direction.kind in (spec.get("policyTypes") or ["Ingress"])
        and selects(spec.get("podSelector") or {}, metadata.get("labels"))
    )


def _rules(
    policy: Json, pod: Json, direction: Direction, peers: Sequence[Json], labels: Mapping[str, Any]
) -> Iterator[str]:
    """What the policy allows, each as an nftables statement."""
    for rule in policy["spec"].get(direction.rules) or ():
        wanted = rule.get(direction.peers)
        others = _others(wanted, policy["metadata"]["namespace"], peers, labels) if wanted else [(None, None)]
        for block, other in others:
            # A port with a name is the one that the receiving container calls so: each pod has its own.
            receiver = pod if direction is INGRESS else other
            ports: Sequence[Json] = rule.get("ports") or ({},)
            for port in ports:
                for match in _ports(port, receiver):
                    yield f"{_side(block, other, direction)} {match} return".strip()


def _others(
    wanted: Iterable[Json], namespace: str, peers: Sequence[Json], labels: Mapping[str, Any]
) -> Iterator[tuple[Json | None, Json | None]]:
    """The other side of a rule: blocks of addresses, and pods."""
    for each in wanted:
        if "ipBlock" in each:
            yield each["ipBlock"], None
            continue
        for peer in peers:
            home = peer["metadata"]["namespace"]
            near = (
                selects(each["namespaceSelector"], labels.get(home))
                if "namespaceSelector" in each
                else home == namespace
            )
            if near and selects(each.get("podSelector") or {}, peer["metadata"].get("labels")):
                yield None, peer


def _side(block: Json | None, other: Json | None, direction: Direction) -> str:
    if block is not None:
        excluded = ", ".join(block.get("except") or ())
        but = f" ip {direction.other} != {{ {excluded} }}" if excluded else ""
        return f"ip {direction.other} {block['cidr']}{but}"
    return f"ip {direction.other} {_address(other)}" if other is not None else ""


def _ports(port: Json, receiver: Json | None) -> Iterator[str]:
    if not port:
        yield ""
        return
    protocol, number = port.get("protocol", "TCP"), port.get("port")
    if number is None:
        yield f"meta l4proto {protocol.lower()}"
    elif isinstance(number, int):
        yield f"{protocol.lower()} dport {number}" + (f"-{port['endPort']}" if port.get("endPort") else "")
    elif receiver is not None:
        for container in receiver["spec"]["containers"]:
            for each in container.get("ports") or ():
                if (each.get("name"), each.get("protocol", "TCP")) == (number, protocol):
                    yield f"{protocol.lower()} dport {each['containerPort']}"


def main(keys: str, server: str, node: str) -> None:
    """Hold the network to the policies until somebody ends this."""
    address = urllib.parse.urlparse(server)
    tls = ssl.create_default_context(cafile=f"{keys}/ca.crt")
    tls.load_cert_chain(f"{keys}/admin.crt", f"{keys}/admin.key")
    connection = http.client.HTTPSConnection(
        str(address.hostname), address.port or 443, context=tls, timeout=10
    )
    last = ""
    while True:
        try:
            pods, namespaces, policies = (_items(connection, path) for path in PATHS)
            wanted = table(pods, namespaces, policies, [dns_pod(node)])
            if wanted != last:
                text = f"table ip policies\ndelete table ip policies\n{wanted}\n"
                subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
                print(time.strftime("%T"), wanted.count("chain ") - 2, "chains of pods", flush=True)  # noqa: T201
                last = wanted
        except (OSError, http.client.HTTPException, KeyError, subprocess.CalledProcessError) as error:
            print(time.strftime("%T"), repr(error), flush=True)  # noqa: T201
            connection.close()
        time.sleep(1)


def _items(connection: http.client.HTTPSConnection, path: str) -> list[Json]:
    connection.request("GET", f"{path}?resourceVersion=0")
    found: list[Json] = json.load(connection.getresponse())["items"]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
