"""k8s/ says the same as the launcher's table, and holds to its own rules: judged without a cluster."""

import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.instance import ROOT, Instance
from launcher.k8s import folder, policies, running, schemas, topics
from launcher.k8s.arrows import ANYONE, arrows
from launcher.k8s.kustomize import MANIFESTS, objects, overlays, render
from launcher.k8s.pods import Workload, of_kind, workloads
from launcher.k8s.secrets import manifests
from launcher.services import specifications
from launcher.system import SERVICES, STORES, Service, calls, command, process_name
from shared.contracts.topics import PARTITIONS, TOPICS
from shared.settings import Environment
from tests.launcher.test_compose import PLACES, in_containers

Json = dict[str, Any]
PROCESSES = [(owner, role) for owner in SERVICES for role in owner.roles]
ids = [process_name(*each) for each in PROCESSES]
OVERLAYS = ["base", *overlays()]
PREFIX = "MICROCOMMERCE_"
# Where a process answers probes; the gateway's metrics have a port that nothing else has.
METRICS_OF_THE_GATEWAY = "8100"


@cache
def rendered(overlay: str) -> str:
    return render(overlay)


@cache
def of(overlay: str) -> list[Json]:
    """Whoever changes it takes a copy."""
    return objects(rendered(overlay))


@cache
def deployments(overlay: str = "base") -> dict[str, Workload]:
    return {each.name: each for each in workloads(of(overlay)) if each.kind == "Deployment"}


def port_of(owner: Service, role: str) -> int:
    name = process_name(owner, role)
    return next(each.port for each in specifications(owner, Instance()) if each.name == name)


def said_openly(overlay: str, container: Json) -> dict[str, str]:
    """The variables of a container that are in no Secret."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(of(overlay), "ConfigMap")}
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]
    return found | {each["name"]: each["value"] for each in container.get("env", ())}


@cache
def secrets() -> dict[str, dict[str, str]]:
    return {each["metadata"]["name"]: each["stringData"] for each in yaml.safe_load_all(manifests())}


def in_secrets(container: Json) -> dict[str, str]:
    names = [each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each]
    return {key: value for name in names for key, value in secrets()[name].items()}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_are_what_the_api_takes_and_what_we_ask_of_them(overlay: str) -> None:
    """Red when a field is misspelt, or a Deployment loses its budget, its probes, its policy or a lock."""
    found = of(overlay)
    assert list(schemas.complaints(found)) == []
    assert list(policies.complaints(found)) == []


@pytest.mark.parametrize("component", ["gateway-api", "node-users"])
def test_a_component_that_no_overlay_of_ours_has_can_be_used(component: str, tmp_path: Path) -> None:
    """Red when its patches fit nothing any more, or the route has a field that the Gateway API does not know."""
    parts = {"resources": [MANIFESTS / "base"], "components": [MANIFESTS / "components" / component]}
    # Real paths: kustomize counts the way back from where the directory really is.
    relative = {
        key: [os.path.relpath(each, tmp_path.resolve()) for each in value] for key, value in parts.items()
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(relative))
    found = objects(render(str(tmp_path)))
    assert list(schemas.complaints(found)) == []
    lacks_users = [each for each in policies.complaints(found) if each.endswith("the node's users")]
    assert list(policies.complaints(found)) == lacks_users
    assert bool(lacks_users) == (component == "node-users")
    assert len(of_kind(found, "HTTPRoute")) == (component == "gateway-api")


def test_every_kind_has_a_schema() -> None:
    """Red when an object of a new kind is judged by nothing; Strimzi's topics are written by launcher/k8s/topics.py."""
    assert {each["kind"] for name in OVERLAYS for each in of(name) if not schemas.is_known(each)} == {
        "KafkaTopic"
    }


def test_strimzi_makes_the_topics_of_the_contracts() -> None:
    """Red when a topic is added or changed: `python -m launcher.k8s.topics` writes the file anew."""
    assert topics.FILE.read_text() == topics.text()


def test_production_fetches_every_secret_that_local_has() -> None:
    wanted = {name: set(data) for name, data in secrets().items() if name not in ("postgres", "keycloak")}
    fetched = {
        each["metadata"]["name"]: {key["secretKey"] for key in each["spec"]["data"]}
        for each in of_kind(of("production"), "ExternalSecret")
    }
    fetched["product"] -= {PREFIX + "MEDIA_ACCESS_KEY", PREFIX + "MEDIA_SECRET_KEY"}  # of the bucket
    assert fetched == wanted


def test_keda_looks_at_what_each_consumer_reads() -> None:
    """Red when a consumer reads another topic than the one by which its replicas are counted."""
    found = {}
    for each in of_kind(of("production"), "ScaledObject"):
        triggers = [trigger["metadata"] for trigger in each["spec"]["triggers"]]
        assert {trigger["limitToPartitionsWithLag"] for trigger in triggers} == {"true"}
        (group,) = {trigger["consumerGroup"] for trigger in triggers}
        assert each["metadata"]["name"] == f"{group}-consumer"
        assert each["spec"]["maxReplicaCount"] == PARTITIONS
        found[group] = {trigger["topic"] for trigger in triggers}
    channels = json.loads((ROOT / "docs/asyncapi.json").read_text())["operations"]
    read: dict[str, set[str]] = {}
    many = {topic.name for topic in TOPICS if topic.partitions > 1}
    for operation in channels.values():
        topic = operation["channel"]["$ref"].rpartition("/")[2]
        if operation["action"] == "receive" and topic in many:
            for tag in operation["tags"]:
                read.setdefault(tag["name"], set()).add(topic)
    assert found == read


@pytest.mark.parametrize("overlay", ["base", "production"])
def test_two_of_each_stand_ready(overlay: str) -> None:
    """But for beat, whose work the next one's first sweep does."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["minReplicas"]
        for each in of_kind(of(overlay), "HorizontalPodAutoscaler")
    }
    scaled |= {
        each["metadata"]["name"]: each["spec"]["minReplicaCount"]
        for each in of_kind(of(overlay), "ScaledObject")
    }
    for name, each in deployments(overlay).items():
        assert scaled.get(name) or each.manifest["spec"]["replicas"] >= 2 or name == "saga-beat"


def test_alerts_look_at_metrics_that_there_are() -> None:
    """Red when a metric is renamed and the alert falls silent."""
    source = "".join(
        path.read_text() for part in ("apps", "gateway", "shared") for path in (ROOT / part).rglob("*.py")
    )
    (rules,) = of_kind(of("production"), "PrometheusRule")
    for rule in (each for group in rules["spec"]["groups"] for each in group["rules"]):
        for metric in re.findall(r"[a-z]+(?:_[a-z]+)+(?=[{\[)])", rule["expr"]):
            if not metric.startswith("app_kubernetes") and metric not in ("by", "topic"):
                name = re.sub("_(total|bucket)$", "", metric)
                assert re.search(f'"{name}(_total)?"', source), metric


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_has_a_deployment_and_nothing_else_has(overlay: str) -> None:
    assert set(deployments(overlay)) - {"mail"} == set(ids)


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_runs_the_same_command(owner: Service, role: str) -> None:
    """Red when a flag of a server is changed in launcher/system.py alone."""
    found = deployments()[process_name(owner, role)]
    container = found.container()
    assert container["command"] == command(owner, role, port_of(owner, role), host="0.0.0.0")
    assert container["image"].partition(":")[0] == f"microcommerce-{owner.name}"
    assert found.labels["app.kubernetes.io/name"] == owner.name
    assert found.labels["app.kubernetes.io/component"] == role


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_listens_where_it_is_asked(owner: Service, role: str) -> None:
    """Red when a probe asks a port on which nobody answers: the pod would never be ready."""
    name, port = process_name(owner, role), port_of(owner, role)
    has_http = role in ("api", "gateway")
    assert deployments()[name].ports[port] == ("http" if has_http else "probe")
    served = {each["metadata"]["name"]: each["spec"]["ports"] for each in of_kind(of("base"), "Service")}
    assert served.get(name) == ([{"name": "http", "port": port, "targetPort": "http"}] if has_http else None)


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_has_the_same_environment(
    owner: Service, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when the launcher gives a process a variable that it does not have in overlays/local, or has another value."""
    monkeypatch.delenv("MICROCOMMERCE_PORT_OFFSET", raising=False)
    name = process_name(owner, role)
    launched = next(each.environment for each in specifications(owner, Instance()) if each.name == name)
    expected = {key: in_containers(value) for key, value in launched.items() if key.startswith(PREFIX)}
    container = deployments("local")[name].container()
    found = {**said_openly("local", container), **in_secrets(container)}
    found = {key: value for key, value in found.items() if value}  # local takes the bucket away
    # What containers have besides: keys instead of development's, probers outside, lines for machines.
    assert found.pop(PREFIX + "PROBE_HOST") == "0.0.0.0"
    assert found.pop(PREFIX + "LOG_FORMAT") == "json"
    assert len(found.pop(PREFIX + "SECRET_KEY")) >= 32
    if role == "gateway":
        assert found.pop(PREFIX + "PROBE_PORT") == METRICS_OF_THE_GATEWAY
        assert found.pop(PREFIX + "OIDC_CLIENT_SECRET") != expected.pop(PREFIX + "OIDC_CLIENT_SECRET")
    if not expected[PREFIX + "DATABASE_URL"]:
        del expected[PREFIX + "DATABASE_URL"]
    password = secrets()["postgres"].get(owner.name, "")
    assert {
        key: " ".join(value.split()).replace(f":{password}@", f":{owner.name}@")
        for key, value in found.items()
    } == expected


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("owner", SERVICES, ids=[each.name for each in SERVICES])
def test_every_variable_that_a_service_needs_is_there(overlay: str, owner: Service) -> None:
    """Red when a field without a default is added to the environment, and k8s/ does not set it."""
    always = [name for name, field in Environment.model_fields.items() if field.is_required()]
    needed = {PREFIX + name.upper() for name in (*always, *owner.required)}
    for found in workloads(of(overlay)):
        if found.labels.get("app.kubernetes.io/name") == owner.name:
            for container in found.all_containers:
                has = {*said_openly(overlay, container), *in_secrets(container)}
                assert needed - has == set(), f"{found.name}, {container['name']}"


@pytest.mark.parametrize("owner", [each for each in SERVICES if each.database], ids=lambda each: each.name)
def test_the_processes_of_a_service_wait_for_its_migration(owner: Service) -> None:
    """Red when a new release could serve before its migration: the order of `kubectl apply -k` is nobody's promise."""
    jobs = {each.name.rpartition("-")[0]: each for each in workloads(of("local")) if each.kind == "Job"}
    package = owner.package.replace(".", "/")
    assert jobs[f"{owner.name}-migrate"].container()["command"] == [
        "python",
        f"{package}/manage.py",
        "migrate",
        "--no-input",
    ]
    for role in owner.roles:
        found = deployments()[process_name(owner, role)]
        if owner.database not in calls(owner, role):  # it could not even ask
            assert len(found.all_containers) == 1
            continue
        first = found.container("migrated")
        assert first["command"] == ["python", f"{package}/manage.py", "await_migrations"]
        assert first["image"] == found.container()["image"]


def stores_of(overlay: str) -> dict[str, int]:
    """The stores that are in the overlay, by the port that they are called on."""
    ports = {
        name: int(port) for name, _, port in (each.partition(":") for each in PLACES.values()) if port
    } | {"mail": 1025}
    return {
        each.name: ports[each.name]
        for each in STORES
        if each.name in {w.name for w in workloads(of(overlay))}
    }


def test_each_arrow_of_the_platform_is_open_and_every_other_is_closed() -> None:
    """Red when a policy is missing or lets in too many; the table of arrows is `calls` in launcher/system.py."""
    ports = {
        **stores_of("local"),
        **{process_name(each, "api"): each.port for each in SERVICES if "api" in each.roles},
    }
    expected = {
        (process_name(owner, role), target, ports[target])
        for owner, role in PROCESSES
        for target in calls(owner, role)
    }
    release = next(each.name for each in workloads(of("local")) if each.kind == "Job").rpartition("-")[2]
    jobs: dict[str, str] = {f"{each.name}-migrate": each.database for each in SERVICES if each.database}
    jobs |= {
        "demo-catalogue": "mongod",
        "demo-stock": "postgres",
        "kafka-topics": "kafka",
        "mongod-set": "mongod",
    }
    expected |= {(f"{name}-{release}", store, ports[store]) for name, store in jobs.items()}
    expected |= {("keycloak", "postgres", 5432), ("keycloak", "mail", 1025)}
    expected |= {(ANYONE, "gateway", 8000), (ANYONE, "keycloak", 8080)}
    assert arrows(of("local")) == expected


def test_autoscalers_want_no_more_consumers_than_there_are_partitions() -> None:
    for each in of_kind(of("base"), "HorizontalPodAutoscaler"):
        if each["spec"]["scaleTargetRef"]["name"].endswith("-consumer"):
            assert each["spec"]["maxReplicas"] == PARTITIONS


def test_no_manifest_says_what_overlays_local_keeps_secret() -> None:
    """Red when a Secret, or a value of one, gets into a file below k8s/."""
    values = {value for data in secrets().values() for value in data.values() if "redis://" not in value}
    for overlay in OVERLAYS:
        assert not [value for value in values if value in rendered(overlay) and "mongodb://" not in value]


def deployment(name: str, found: list[Json]) -> Json:
    return next(each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"] == name)


def pod(found: list[Json]) -> Json:
    spec: Json = deployment("order-api", found)["spec"]["template"]["spec"]
    return spec


def without(kind: str, name: str) -> Callable[[list[Json]], None]:
    def remove(found: list[Json]) -> None:
        found[:] = [each for each in found if (each["kind"], each["metadata"]["name"]) != (kind, name)]

    return remove


SPOILED: dict[str, tuple[str, Callable[[list[Json]], Any]]] = {
    "a token": ("has a token", lambda found: pod(found).pop("automountServiceAccountToken")),
    "root": ("may be root", lambda found: pod(found)["securityContext"].pop("runAsNonRoot")),
    "seccomp": ("no seccomp", lambda found: pod(found)["securityContext"].pop("seccompProfile")),
    "users": ("the node's users", lambda found: pod(found).pop("hostUsers")),
    "the host": ("part of the host", lambda found: pod(found).update(hostNetwork=True)),
    "writable": (
        "is not locked",
        lambda found: pod(found)["containers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    "writable before": (
        "is not locked",
        lambda found: pod(found)["initContainers"][0].pop("securityContext"),
    ),
    "limits": ("no limits", lambda found: pod(found)["containers"][0]["resources"]["limits"].pop("memory")),
    "latest": (
        "another one tomorrow",
        lambda found: pod(found)["containers"][0].update(image="registry:5000/microcommerce-order"),
    ),
    "probes": (
        "the same by two",
        lambda found: pod(found)["containers"][0].update(
            startupProbe=pod(found)["containers"][0]["livenessProbe"]
        ),
    ),
    "no probe": ("lacks one", lambda found: pod(found)["containers"][0].pop("livenessProbe")),
    "strategy": (
        "too few pods",
        lambda found: deployment("order-api", found)["spec"]["strategy"]["rollingUpdate"].update(
            maxUnavailable=1
        ),
    ),
    "sleep": ("no preStop", lambda found: pod(found)["containers"][0].pop("lifecycle")),
    "long sleep": ("in its sleep", lambda found: pod(found).update(terminationGracePeriodSeconds=5)),
    "spread": ("is not spread", lambda found: pod(found).pop("topologySpreadConstraints")),
    "budget": ("0 disruption budgets", without("PodDisruptionBudget", "order-api")),
    "scaler": ("two numbers of replicas", without("HorizontalPodAutoscaler", "order-api")),
    "place": ("has no namespace", lambda found: deployment("order-api", found)["metadata"].pop("namespace")),
    "idle policy": (
        "is about no pod",
        lambda found: next(each for each in found if each["metadata"]["name"] == "to-basket")["spec"][
            "podSelector"
        ]["matchLabels"].update({"app.kubernetes.io/name": "baskets"}),
    ),
    "deny": ("no policy denies", without("NetworkPolicy", "default-deny")),
    "a secret": (
        "belongs into no manifest",
        lambda found: found.append({"kind": "Secret", "metadata": {"name": "order"}}),
    ),
    "openly": (
        "said openly",
        lambda found: pod(found)["containers"][0]["env"].append(
            {"name": "X", "value": "postgresql://order:pw@db"}
        ),
    ),
    "map": (
        "not there",
        lambda found: pod(found)["containers"][0]["envFrom"].append({"configMapRef": {"name": "platfrom"}}),
    ),
    "account": ("account that is not there", without("ServiceAccount", "order")),
    "service": ("nobody listens", lambda found: pod(found)["containers"][0]["ports"][0].update(name="web")),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_rule_finds_what_is_wrong(what: str) -> None:
    """Each rule, seen red."""
    complaint, spoil = SPOILED[what]
    found = copy.deepcopy(of("base"))
    spoil(found)
    said = list(policies.complaints(found))
    assert any(complaint in each for each in said), said


def test_a_misspelt_field_is_refused() -> None:
    found = copy.deepcopy(of("base"))
    pod(found)["automountServiceAcountToken"] = False
    assert any(
        re.search("order-api.*automountServiceAcountToken", each) for each in schemas.complaints(found)
    )


@pytest.mark.parametrize("owner", SERVICES[1:], ids=lambda each: each.name)
def test_the_folder_of_a_new_service_is_like_its_neighbours(owner: Service) -> None:
    """Red when the manifests of services change, and a new one gets yesterday's: all but figures must be the same."""
    for name, text in folder.files(owner):
        there = (MANIFESTS / "base" / owner.name / name).read_text()
        made, found = (set(facts(list(yaml.safe_load_all(each)))) for each in (text, there))
        assert {path for path, _ in made ^ found} <= DECIDED_BY_HAND, name


# What a process costs, and where the pictures are.
RESOURCES = "/spec/template/spec/containers/0/resources"
DECIDED_BY_HAND = {
    f"/0{RESOURCES}/requests/cpu",
    f"/0{RESOURCES}/limits/memory",
    "/0/configMapGenerator/0/literals/0",
}


def facts(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the way to it."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from facts(value, f"{path}/{key}")
    else:
        yield path, node


def test_the_document_shows_the_arrows() -> None:
    """Red when docs/kubernetes.md tells a reader of another platform."""
    text = (ROOT / "docs/kubernetes.md").read_text()
    shown = {
        name: set(targets.split(", "))
        for name, targets in re.findall(r"^\| `([\w-]+)` \| ([\w, -]+) \|$", text, re.MULTILINE)
    }
    assert shown == {process_name(*each): set(calls(*each)) for each in PROCESSES}


def test_stores_come_first_then_migrations_then_what_serves() -> None:
    """Red when a service is applied before its migrations are through, or a store after them."""
    stages = running.stages(of("local"))
    kinds = [{each["kind"] for each in stage} for stage in stages]
    assert [found & {"StatefulSet", "Job", "Deployment"} for found in kinds] == [
        {"StatefulSet"},
        {"Job"},
        {"Deployment", "Job"},
    ]
    assert sum(map(len, stages)) == len(of("local"))
    last = [each["metadata"]["name"] for each in stages[-1] if each["kind"] == "Job"]
    assert [name.rpartition("-")[0] for name in last] == ["demo-stock"]


def test_what_serves_is_not_applied_after_a_migration_failed() -> None:
    """Red when a Job that was given up counts as one that is still at work, or when others' Jobs count."""
    failed = {"type": "Failed", "status": "True"}
    there = [
        {"kind": "Job", "metadata": {"name": "now"}, "spec": {}, "status": {"conditions": [failed]}},
        {"kind": "Job", "metadata": {"name": "done"}, "spec": {}, "status": {"succeeded": 1}},
        {"kind": "Job", "metadata": {"name": "before"}, "spec": {}, "status": {"conditions": [failed]}},
    ]
    found = running.states(there, {"job/now", "job/done"})
    assert found == {"ready": ["job/done"], "unready": [], "failed": ["job/now"]}
