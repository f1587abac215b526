"""What every refusal must look like: a problem document of RFC 9457, as the contract words it."""

import re
from typing import Any

import requests

TRACE_ID = re.compile(r"[0-9a-f]{32}")
MEMBERS = {"type", "title", "status", "detail", "instance", "trace_id"}


def problem(answer: requests.Response, status: int, slug: str = "", field: str = "") -> dict[str, Any]:
    """The problem document in `answer`, which must have this status, be of this kind, and name this field."""
    assert answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text[:500]}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document.keys() >= MEMBERS, document
    assert (document["status"], document["instance"]) == (status, answer.request.path_url.partition("?")[0])
    assert document["title"]
    assert document["detail"]
    assert TRACE_ID.fullmatch(document["trace_id"]), document
    kind = document["type"].rpartition("/problems/")[2]
    assert kind == (slug or kind), document
    if field or kind == "validation-error":
        named = {error["field"] for error in document["errors"]}
        assert field in named | {""}, document
        assert all(error["code"] and error["detail"] for error in document["errors"])
    return document
