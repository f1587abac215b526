"""Schemas of other people's kinds, for `validate`: `python -m launcher.k8s.crds` fetches them as Go modules and writes `k8s/schemas`.

Kubernetes' own kinds come with kubernetes-validate; those of operators are files of their projects (all Apache 2.0). Kept
without their descriptions, which are nine tenths of them. Strimzi is no Go module: its topics have no schema here, and are
written by `topics.py`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from launcher.k8s.kustomize import MANIFESTS

Json = dict[str, Any]

SCHEMAS = MANIFESTS / "schemas"
# module, version -> the files in it
SOURCES = {
    "sigs.k8s.io/gateway-api@v1.6.1": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    "github.com/kedacore/keda/v2@v2.21.0": ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/external-secrets/external-secrets@v1.3.2": (
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
}


def write() -> None:
    """Fetch every file and write its schemas; needs Go, and the network."""
    SCHEMAS.mkdir(exist_ok=True)
    for module, files in SOURCES.items():
        command = ["go", "mod", "download", "-json", module]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
        directory = Path(json.loads(done.stdout)["Dir"])
        for file in files:
            _write(yaml.safe_load((directory / file).read_text()), module)


def _write(definition: Json, module: str) -> None:
    spec = definition["spec"]
    for version in spec["versions"]:
        if version["storage"]:
            schema = {"$comment": module, **_strict(version["schema"]["openAPIV3Schema"])}
            # What every object has, and no definition repeats.
            schema["properties"]["metadata"] = {"type": "object"}
            name = f"{spec['names']['kind'].lower()}-{spec['group']}-{version['name']}.json"
            (SCHEMAS / name).write_text(json.dumps(schema, separators=(",", ":")) + "\n")


def _strict(schema: Any) -> Any:
    """Without words, and closed: the API drops a field that it does not know, and says nothing."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _strict(each) for name, each in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        if key not in ("description", "format", "default") and not key.startswith("x-kubernetes")
    }
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not is_open and schema.get("type") == "object":
        kept["additionalProperties"] = False
    return kept


if __name__ == "__main__":
    write()
