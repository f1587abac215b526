"""The folder in k8s/base of a service that has none yet: made once, like its neighbours', and then written by hand."""

from collections.abc import Iterator
from textwrap import dedent

from launcher.system import ANY_ADDRESS, ROLE_PORTS, Service, calls, command, process_name, service
from shared.contracts.topics import PARTITIONS

ACCOUNT = dedent("""\
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: {name}
      labels: {{app.kubernetes.io/name: {name}}}
    automountServiceAccountToken: false
""")
DEPLOYMENT = dedent("""\
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: {process}
      labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
    spec:
    {replicas}  selector:
        matchLabels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
      template:
        metadata:
          labels:
            app.kubernetes.io/name: {name}
            app.kubernetes.io/component: {role}
    {calls}
        spec:
          serviceAccountName: {name}
          containers:
            - name: app
              image: microcommerce-{name}
              command: [{command}]
              ports:
                - {{name: {port_name}, containerPort: {port}}}
              envFrom:
    {sources}
              env:
                - {variable}
              resources:
                requests: {{cpu: {cpu}, memory: {memory}}}
                limits: {{cpu: "1", memory: {limit}}}
""")
SERVICE = dedent("""\
    apiVersion: v1
    kind: Service
    metadata:
      name: {process}
      labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
    spec:
      selector: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
      ports:
        - {{name: http, port: {port}, targetPort: http}}
""")
SCALER = dedent("""\
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata:
      name: {process}
      labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
    spec:
      scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {process}}}
      minReplicas: 2
      maxReplicas: {partitions}
      metrics:
        - type: Resource
          resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 70}}}}
""")
BUDGET = dedent("""\
    apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata:
      name: {process}
      labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
    spec:
      maxUnavailable: 1
      unhealthyPodEvictionPolicy: AlwaysAllow
      selector:
        matchLabels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: {role}}}
""")
MIGRATE = dedent("""\
    apiVersion: batch/v1
    kind: Job
    metadata:
      name: {name}-migrate-release
      labels: {{app.kubernetes.io/name: {name}, app.kubernetes.io/component: migrate}}
    spec:
      template:
        metadata:
          labels:
            app.kubernetes.io/name: {name}
            app.kubernetes.io/component: migrate
            calls.microcommerce/{database}: "true"
        spec:
          serviceAccountName: {name}
          containers:
            - name: app
              image: microcommerce-{name}
              command: [python, {manage}, migrate, --no-input]
              envFrom:
    {sources}
              resources:
                requests: {{cpu: 100m, memory: 128Mi}}
                limits: {{cpu: "1", memory: 256Mi}}
""")
MIGRATED = dedent("""\
    # A process starts when the database has every migration of its code; until then, the release before it serves.
    # The rest of this container is in base/pods/migrated.yaml.
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: every}}
    spec:
      template:
        spec:
          initContainers:
            - name: migrated
              image: microcommerce-{name}
              command: [python, {manage}, await_migrations]
              envFrom:
    {sources}
""")


def files(owner: Service) -> Iterator[tuple[str, str]]:
    """The files of a new service's folder, each with its name."""
    files = ["account.yaml", *(f"{role}.yaml" for role in owner.roles)]
    yield "account.yaml", ACCOUNT.format(name=owner.name)
    for role in owner.roles:
        yield f"{role}.yaml", "---\n".join(_process(owner, role))
    if owner.database:
        files.append("migrate.yaml")
        yield "migrate.yaml", MIGRATE.format(**_words(owner, "migrate"), database=owner.database)
        yield "migrated.yaml", MIGRATED.format(**_words(owner, "api"))
    own = owner.calls or owner.folders
    lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "resources:"]
    lines += [f"  - {name}" for name in files]
    if own:
        lines += ["configMapGenerator:", f"  - name: {owner.name}", "    literals:"]
        lines += [f"      - MICROCOMMERCE_{name.upper()}_URL={_api(name)}" for name in owner.calls]
        lines += [f"      - MICROCOMMERCE_{field.upper()}=" for field in owner.folders]
    if owner.database:
        selected = ', labelSelector: "app.kubernetes.io/component != beat"' if "beat" in owner.roles else ""
        lines += ["patches:", "  - path: migrated.yaml", f"    target: {{kind: Deployment{selected}}}"]
    yield "kustomization.yaml", "\n".join(lines) + "\n"


def _api(name: str) -> str:
    return f"http://{name}-api:{service(name).port}"


def _words(owner: Service, role: str) -> dict[str, str]:
    sources = ["configMapRef: {name: platform}"]
    if owner.calls or owner.folders:
        sources.append(f"configMapRef: {{name: {owner.name}}}")
    sources.append(f"secretRef: {{name: {owner.name}}}")
    return {
        "name": owner.name,
        "role": role,
        "manage": f"apps/{owner.name}/manage.py",
        "sources": "\n".join(f"            - {each}" for each in sources),
    }


def _process(owner: Service, role: str) -> Iterator[str]:
    port = owner.port + ROLE_PORTS[role]
    has_http = role == "api"
    words = {
        **_words(owner, role),
        "process": process_name(owner, role),
        "port": str(port),
        "port_name": "http" if has_http else "probe",
        "calls": "\n".join(
            f'        calls.microcommerce/{name.removesuffix("-api")}: "true"'
            for name in sorted(calls(owner, role))
        ),
        "command": ", ".join(_quoted(word) for word in command(owner, role, port, host=ANY_ADDRESS)),
        "variable": '{name: MICROCOMMERCE_DATABASE_POOL, value: "8"}'
        if has_http
        else f'{{name: MICROCOMMERCE_PROBE_PORT, value: "{port}"}}',
        "cpu": "50m" if role in ("api", "consumer") else "25m",
        "memory": "160Mi" if has_http else "128Mi",
        "limit": "384Mi" if has_http else "256Mi",
        "partitions": str(PARTITIONS),
    }
    is_scaled = role in ("api", "consumer")
    words["replicas"] = "" if is_scaled else f"  replicas: {1 if role == 'beat' else 2}\n"
    yield DEPLOYMENT.format(**words)
    if has_http:
        yield SERVICE.format(**words)
    if is_scaled:
        yield SCALER.format(**words)
    yield BUDGET.format(**words)


def _quoted(word: str) -> str:
    return f'"{word}"' if word.isdecimal() else word
