"""Judge manifests by the schemas of Kubernetes' own API, without a cluster: a field that does not exist is refused.

The schemas are those of PyPI's kubernetes-validate, which reads 1 MB of definitions anew for each object; here they
are read once. Objects of other people's kinds (KEDA, Gateway API, Prometheus) have theirs in k8s/schemas (`crds.py`).
"""

import importlib.resources
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import referencing
from jsonschema import Draft202012Validator

from launcher.k8s.crds import SCHEMAS

Json = dict[str, Any]

KUBERNETES = "1.36"  # what is checked against; the oldest that has every field used here (docs/kubernetes.md)


def complaints(objects: Iterable[Json]) -> Iterator[str]:
    """What the API would refuse, each with the object's name and the field."""
    for each in objects:
        validator = _validator(each.get("apiVersion", ""), each.get("kind", ""))
        if validator is None:
            continue
        for error in validator.iter_errors(each):
            field = ".".join(str(part) for part in error.absolute_path) or "the object"
            yield f"{name_of(each)}: {field}: {error.message[:300]}"


def name_of(each: Json) -> str:
    """`Deployment order-api`, as people look for it."""
    return f"{each.get('kind')} {each.get('metadata', {}).get('name')}"


def is_known(each: Json) -> bool:
    """Whether anything here describes such objects."""
    return _validator(each.get("apiVersion", ""), each.get("kind", "")) is not None


@cache
def _validator(version: str, kind: str) -> Draft202012Validator | None:
    theirs = SCHEMAS / f"{kind.lower()}-{version.replace('/', '-')}.json"
    if theirs.exists():
        return Draft202012Validator(json.loads(theirs.read_text()))
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", version)
    schema = _read(f"{kind.lower()}-{group}.json")
    return None if schema is None else Draft202012Validator(schema, registry=_definitions())


@cache
def _definitions() -> "referencing.Registry[Any]":
    definitions = referencing.Resource.from_contents(_read("_definitions.json"))
    registry: referencing.Registry[Any] = referencing.Registry()
    return (definitions @ registry).crawl()


def _read(name: str) -> Any:
    directory = f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict"
    file = importlib.resources.files("kubernetes_validate").joinpath(directory).joinpath(name)
    return json.loads(file.read_text()) if file.is_file() else None
