"""Holds every answer to the OpenAPI document: the status, the content type, required headers, the body.

`Caller` shows each answer to `judge`, so every system test is a test of the document too. Stricter than the document:
an answer must not have members that the document does not name, and a problem must be of a kind that the document
names for this operation and status.
"""

import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator, FormatChecker

from shared.http.accept import wants_page

Json = dict[str, Any]

FILE = Path(__file__).resolve().parents[2] / "gateway" / "openapi.json"
PROBLEM = "application/problem+json"
FORMATS = FormatChecker(formats=["uuid"])


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


def judge(answer: requests.Response) -> None:
    """Raise AssertionError where the answer is not one that the document names."""
    method = str(answer.request.method)
    operation = operation_of("GET" if method == "HEAD" else method, urlsplit(str(answer.request.url)).path)
    if operation is None or _is_page(answer):
        return
    faults = list(_faults(operation, answer, has_body=method != "HEAD"))
    assert not faults, f"{method} {answer.request.url} {answer.status_code}: {faults}\n{answer.text[:2000]}"


def _is_page(answer: requests.Response) -> bool:
    """Whether a browser asked: the browsable pages are another representation."""
    return wants_page(str(answer.request.headers.get("Accept", "")))


def operation_of(method: str, path: str) -> Json | None:
    """What the document says of this method at this path; None where it says nothing."""
    for pattern, place in places():
        if pattern.fullmatch(path):
            found: Json | None = place.get(method.lower())
            return found
    return None


def _faults(operation: Json, answer: requests.Response, *, has_body: bool) -> list[str]:
    said = operation["responses"].get(str(answer.status_code))
    if said is None:
        return [f"the document names {', '.join(operation['responses'])} and not this status"]
    said = document()["components"]["responses"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
    missing = [
        name for name, header in said.get("headers", {}).items()
        if header.get("required") and name not in answer.headers
    ]  # fmt: skip
    faults = [f"the header {name} is missing" for name in missing]
    return faults + (_judge_body(said, answer) if has_body else [])


def _judge_body(said: Json, answer: requests.Response) -> list[str]:
    if "content" not in said:
        return ["there is a body and should be none"] if answer.content else []
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    content = said["content"].get(kind)
    if content is None:
        return [f"the content type is {kind}, and not {', '.join(said['content'])}"]
    if not kind.endswith("json"):
        return []
    body = answer.json()
    errors = validator(json.dumps(content["schema"])).iter_errors(body)
    faults = [f"{error.message} at {'/'.join(map(str, error.path)) or 'the top'}" for error in errors]
    return faults + (_judge_kind(content, body) if kind == PROBLEM else [])


def _judge_kind(content: Json, body: Json) -> list[str]:
    slug = body["type"].rpartition("/")[2]
    return [] if slug in content["examples"] else [f"{slug} is not among {', '.join(content['examples'])}"]


@cache
def document() -> Json:
    """The document, with every object closed to members that it does not name."""
    found: Json = json.loads(FILE.read_text(encoding="utf-8"))
    for name, schema in found["components"]["schemas"].items():
        if name != "Problem":
            _close(schema)
    return found


def _close(node: Any) -> None:
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _close(inner)
    if isinstance(node, dict) and isinstance(node.get("properties"), dict):
        node.setdefault("additionalProperties", False)


@cache
def places() -> list[tuple[re.Pattern[str], Json]]:
    """Every path as a pattern, with its operations."""
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), place) for path, place in document()["paths"].items()
    ]


@cache
def validator(schema: str) -> Draft202012Validator:
    """Judges by one schema of the document; made once."""
    whole = {**json.loads(schema), "components": document()["components"]}
    return Draft202012Validator(whole, format_checker=FORMATS)
