"""The lab cluster's test engine writes what NetworkPolicies say: a table for nftables, of which these tests read the chains."""

from typing import Any

from tests.k8s.lab.policies import dns_pod, table

Json = dict[str, Any]
NAMESPACES: list[Json] = [
    {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}
    for name in ("shop", "elsewhere", "kube-system")
]
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def pod(
    address: str, name: str, *, port: int = 8000, namespace: str = "shop", phase: str = "Running"
) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"name": name}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": port}]}]},
        "status": {"podIP": address, "phase": phase},
    }


def policy(spec: Json, namespace: str = "shop") -> Json:
    return {"metadata": {"name": "policy", "namespace": namespace}, "spec": spec}


def named(name: str) -> Json:
    return {"podSelector": {"matchLabels": {"name": name}}}


def chain(written: str, kind: str, address: str) -> list[str]:
    """What is allowed in a chain, and what becomes of the rest."""
    start = f"chain {kind}_{address.replace('.', '_')} {{ "
    line = next(line for line in written.splitlines() if line.startswith(start))
    return line.removeprefix(start).removesuffix(" ; }").split(" ; ")


def test_a_pod_that_no_policy_selects_is_open() -> None:
    written = table(
        [pod("10.0.0.1", "order"), pod("10.0.0.9", "other", namespace="elsewhere")],
        NAMESPACES,
        [policy(DENY)],
    )
    assert chain(written, "Ingress", "10.0.0.1") == ["drop"]
    assert chain(written, "Egress", "10.0.0.1") == ["drop"]
    assert "10.0.0.9" not in written


def test_what_several_policies_allow_adds_up() -> None:
    """Red when the last policy of a pod replaces those before it."""
    pods = [pod("10.0.0.1", "order"), pod("10.0.0.2", "gateway"), pod("10.0.0.3", "basket")]
    allowed = [
        policy(
            {
                **named("order"),
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [named(name)], "ports": [{"port": 8000}]}],
            }
        )
        for name in ("gateway", "basket")
    ]
    assert chain(table(pods, NAMESPACES, [policy(DENY), *allowed]), "Ingress", "10.0.0.1") == [
        "ip saddr 10.0.0.2 tcp dport 8000 return",
        "ip saddr 10.0.0.3 tcp dport 8000 return",
        "drop",
    ]


def test_a_named_port_is_the_receivers_own() -> None:
    """Red when every peer is reachable on the ports of all: `http` is 8001 at one and 8002 at another."""
    pods = [pod("10.0.0.1", "gateway"), pod("10.0.0.2", "api", port=8001), pod("10.0.0.3", "api", port=8002)]
    out = policy(
        {
            **named("gateway"),
            "policyTypes": ["Egress"],
            "egress": [{"to": [named("api")], "ports": [{"port": "http"}]}],
        }
    )
    assert chain(table(pods, NAMESPACES, [out]), "Egress", "10.0.0.1") == [
        "ip daddr 10.0.0.2 tcp dport 8001 return",
        "ip daddr 10.0.0.3 tcp dport 8002 return",
        "drop",
    ]


def test_a_block_of_addresses_leaves_out_what_it_excepts() -> None:
    block = {"ipBlock": {"cidr": "192.168.0.0/16", "except": ["192.168.1.0/24"]}}
    rule = {"to": [block], "ports": [{"port": 443}, {"port": 53, "protocol": "UDP"}]}
    written = table([pod("10.0.0.1", "order")], NAMESPACES, [policy({**DENY, "egress": [rule]})])
    assert chain(written, "Egress", "10.0.0.1") == [
        "ip daddr 192.168.0.0/16 ip daddr != { 192.168.1.0/24 } tcp dport 443 return",
        "ip daddr 192.168.0.0/16 ip daddr != { 192.168.1.0/24 } udp dport 53 return",
        "drop",
    ]


def test_cluster_dns_is_found_by_its_labels_though_it_runs_on_the_node() -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    rule = {"to": [peer], "ports": [{"port": 53, "protocol": "UDP"}]}
    written = table(
        [pod("10.0.0.1", "order")], NAMESPACES, [policy({**DENY, "egress": [rule]})], [dns_pod("10.89.0.1")]
    )
    assert chain(written, "Egress", "10.0.0.1") == ["ip daddr 10.89.0.1 udp dport 53 return", "drop"]


def test_a_rule_without_peers_is_for_everybody_and_no_rule_for_nobody() -> None:
    """Red when an empty `ingress` counts as an open one, or `from` left out as nobody."""
    open_port = policy(
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 8000}]}]}
    )
    pods = [pod("10.0.0.1", "gateway")]
    assert chain(table(pods, NAMESPACES, [open_port]), "Ingress", "10.0.0.1") == [
        "tcp dport 8000 return",
        "drop",
    ]
    closed = policy({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []})
    assert chain(table(pods, NAMESPACES, [closed]), "Ingress", "10.0.0.1") == ["drop"]


def test_the_address_of_a_pod_that_is_over_may_be_anothers_by_now() -> None:
    pods = [pod("10.0.0.1", "migration", phase="Succeeded"), pod("10.0.0.1", "order")]
    written = table(pods, NAMESPACES, [policy({**named("migration"), "policyTypes": ["Ingress"]})])
    assert "jump" not in written
