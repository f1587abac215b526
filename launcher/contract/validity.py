"""Whether the documents are what their specifications ask for, and whether every kind of problem is explained."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from launcher.contract.parts import Part
from launcher.instance import ROOT

Json = dict[str, Any]

PROBLEMS = ROOT / "docs" / "problems.md"
SECTION = re.compile(r"^## `([a-z-]+)`$", re.MULTILINE)


def openapi_faults(document: Json) -> Iterator[str]:
    """What is wrong with the OpenAPI document, one sentence for each."""
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        yield f"This is not OpenAPI 3.1: {error.message} at {'/'.join(map(str, error.path))}"
    names = [operation["operationId"] for place in document["paths"].values() for operation in place.values()]
    yield from (f"Two operations are called {name}." for name in set(names) if names.count(name) > 1)
    for path, place in document["paths"].items():
        for method, operation in place.items():
            for name in _not_nullable(operation, document) if method != "patch" else ():
                yield f"{method.upper()} {path}: `{name}` may be left out, so it must take null as well."
            for content in _contents(operation):
                for fault in _misfits(content["schema"], content.get("examples", {}), document):
                    yield f"{method.upper()} {path}: {fault}"


def _not_nullable(operation: Json, document: Json) -> Iterator[str]:
    """The optional members of a body, however deep, that do not take null (`shared.http.bodies`)."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _not_nullable_in(content["schema"], document)


def _not_nullable_in(schema: Json, document: Json) -> Iterator[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, member in schema.get("properties", {}).items():
        judged = Draft202012Validator({**member, "components": document["components"]})
        if name not in schema.get("required", ()) and not judged.is_valid(None):
            yield name
        yield from _not_nullable_in(member, document)
    if "items" in schema:
        yield from _not_nullable_in(schema["items"], document)


def _contents(operation: Json) -> Iterator[Json]:
    for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from holder.get("content", {}).values()


def _misfits(schema: Json, examples: Json, document: Json) -> Iterator[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    for name, example in examples.items():
        for error in validator.iter_errors(example["value"]):
            yield f"the example {name} does not fit its own schema: {error.message}"


def asyncapi_faults(document: Json) -> Iterator[str]:
    """What is wrong with the AsyncAPI document: references that lead nowhere, examples that do not fit."""
    for pointer in set(_references(document)):
        if not _leads_somewhere(pointer, document):
            yield f"docs/asyncapi.json refers to {pointer}, which is not there."
    for name, message in document["components"]["messages"].items():
        for part in ("payload", "headers"):
            validator = Draft202012Validator({**message[part], "components": document["components"]})
            for example in message.get("examples", ()):
                for error in validator.iter_errors(example[part]):
                    yield f"The example of {name} does not fit its own {part}: {error.message}"


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _leads_somewhere(pointer: str, document: Json) -> bool:
    node: Any = document
    for piece in pointer.removeprefix("#/").split("/"):
        node = node.get(piece.replace("~1", "/")) if isinstance(node, dict) else None
    return node is not None


def unexplained(parts: Mapping[str, Part]) -> Iterator[str]:
    """Kinds of problem that the code answers with and docs/problems.md does not explain, and the reverse."""
    answered = {str(problem["slug"]) for part in parts.values() for problem in part.problems}
    explained = set(SECTION.findall(PROBLEMS.read_text(encoding="utf-8")))
    yield from (f"docs/problems.md has no section `{slug}`." for slug in sorted(answered - explained))
    yield from (
        f"docs/problems.md explains `{slug}`, which nothing answers." for slug in sorted(explained - answered)
    )
