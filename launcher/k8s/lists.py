"""Where the manifests list services: made from the declarations. A service's own folder in k8s/base stays as it is written.

For a service that has no folder yet, one is made like its neighbours'; what it costs and how far it grows is then to be
said there.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from launcher.contract.regions import replaced
from launcher.contract.tables import readers
from launcher.k8s.folder import files
from launcher.k8s.images import version
from launcher.k8s.kustomize import MANIFESTS
from launcher.services import PREFIX
from launcher.system import SERVICES, Service, with_postgres
from shared.contracts import TOPICS
from shared.contracts.topics import PARTITIONS

BASE, LOCAL, PRODUCTION = (MANIFESTS / name for name in ("base", "overlays/local", "overlays/production"))
REGISTRY = "registry.example.com"


def documents() -> dict[Path, str]:
    """Every file of k8s/ that is made, in whole or in part."""
    regions: dict[Path, dict[str, Iterable[str]]] = {
        BASE / "kustomization.yaml": {
            "services": [f"  - {each.name}" for each in SERVICES],
            "images": _images(),
        },
        BASE / "gateway" / "kustomization.yaml": {"upstreams": _upstreams()},
        BASE / "pods" / "kustomization.yaml": {"migrated": _migrated()},
        LOCAL / "kustomization.yaml": {"images": _images()},
        LOCAL / "stores" / "databases.sh": {
            "roles": [_for_each([*_roles(), "keycloak"])],
            "limited": [_for_each(_roles())],
        },
        PRODUCTION / "kustomization.yaml": {"images": _images(REGISTRY)},
        PRODUCTION / "secrets.yaml": {"secrets": _secrets()},
        MANIFESTS / "components" / "keda" / "scaledobjects.yaml": {"consumers": _consumers()},
    }
    found = {path: _with_regions(path, named) for path, named in regions.items()}
    for owner in SERVICES:
        if not (BASE / owner.name).exists():
            found |= {BASE / owner.name / name: text for name, text in files(owner)}
    return found


def _with_regions(path: Path, regions: dict[str, Iterable[str]]) -> str:
    text = path.read_text(encoding="utf-8")
    for name, lines in regions.items():
        text = replaced(text, name, lines)
    return text


def _images(registry: str = "") -> Iterator[str]:
    for each in SERVICES:
        name = f"microcommerce-{each.name}"
        renamed = f"newName: {registry}/{name}, " if registry else ""
        yield f"  - {{name: {name}, {renamed}newTag: {version()}}}"


def _upstreams() -> list[str]:
    found = {each.name: f"http://{each.name}-api:{each.port}" for each in SERVICES if "api" in each.roles}
    first, *more = json.dumps(found).split(", ")
    lines = [f"MICROCOMMERCE_UPSTREAMS={first}", *more]
    return ["      - >-", *(f"        {line}," for line in lines[:-1]), f"        {lines[-1]}"]


def _migrated() -> list[str]:
    names = ", ".join(each.name for each in SERVICES if each.database)
    selector = f"app.kubernetes.io/name in ({names}), app.kubernetes.io/component != beat"
    return ["  - path: migrated.yaml", f'    target: {{kind: Deployment, labelSelector: "{selector}"}}']


def _roles() -> list[str]:
    return [each.name for each in with_postgres()]


def _for_each(roles: Iterable[str]) -> str:
    return f"for role in {' '.join(roles)}; do"


SCALED = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {name}-consumer
  namespace: microcommerce
  labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: consumer}}
spec:
  scaleTargetRef: {{name: {name}-consumer}}
  minReplicaCount: 2
  maxReplicaCount: {partitions}
  pollingInterval: 15
  cooldownPeriod: 300
  triggers:
"""
TRIGGER = """\
    - type: kafka
      metadata:
        bootstrapServers: kafka.microcommerce.svc:9092
        consumerGroup: {name}
        topic: {topic}
        lagThreshold: "100"
        offsetResetPolicy: earliest
        limitToPartitionsWithLag: "true"
        excludePersistentLag: "true"
"""


def _consumers() -> list[str]:
    made = []
    for owner in SERVICES:
        topics = [topic.name for topic in TOPICS if topic.partitions > 1 and owner.name in readers(topic)]
        if topics:
            triggers = (TRIGGER.format(name=owner.name, topic=topic) for topic in topics)
            made.append(SCALED.format(name=owner.name, partitions=PARTITIONS) + "".join(triggers))
    return "---\n".join(made).splitlines()


FETCHED = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {name}
  namespace: microcommerce
spec:
  refreshInterval: 1h
  secretStoreRef: {{kind: ClusterSecretStore, name: shop}}
  data:
"""
KEY = "    - {{secretKey: {variable}, remoteRef: {{key: microcommerce/{name}, property: {variable}}}}}\n"


def _secrets() -> list[str]:
    return "---\n".join(map(_secret, SERVICES)).splitlines()


def _secret(owner: Service) -> str:
    fields = ("secret_key", "redis_url", *(("database_url",) if owner.database else ()), *owner.secrets)
    keys = (KEY.format(name=owner.name, variable=PREFIX + field.upper()) for field in fields)
    return FETCHED.format(name=owner.name) + "".join(keys)
