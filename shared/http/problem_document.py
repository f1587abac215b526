"""The problem document of RFC 9457, free of any framework, so that the gateway and the services write the same."""

from http import HTTPStatus
from typing import Any

from shared.telemetry import trace

CONTENT_TYPE = "application/problem+json"
KINDS = (
    "x-problems"  # where an operation lists its problems until the documents of all services are put together
)


def problem_type(gateway_url: str, slug: str) -> str:
    """The URI that names a kind of problem; it leads to a page that explains it."""
    return f"{gateway_url}/problems/{slug}"


def problem_document(
    gateway_url: str, slug: str, status: int, detail: str, instance: str, title: str = "", **extra: Any
) -> dict[str, Any]:
    """A problem document.

    `slug` names the kind of problem; `detail` says what is wrong this time and the way out; `instance` is
    the path that was asked for; `extra` are the members that this kind of problem adds.
    """
    hop = trace.current()
    return {
        "type": problem_type(gateway_url, slug),
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "trace_id": hop.trace_id if hop else "",
        **extra,
    }
