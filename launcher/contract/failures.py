"""Every way in which an operation can fail, as responses of the OpenAPI document."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gateway.route_types import Role, Route
from shared.http.problem_document import CONTENT_TYPE, problem_type

Json = dict[str, Any]

GATEWAY = "http://localhost:8000"  # in examples only
TRACE = "0af7651916cd43dd8448eb211c80319c"
SAFE = {"GET"}
HEADERS: Mapping[int, Json] = {
    401: {
        "WWW-Authenticate": {
            "description": '`Bearer`, or `Bearer error="invalid_token"`.',
            "schema": {"type": "string"},
            "required": True,
        }
    },
    429: {
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "required": True},
    },
    503: {
        "Retry-After": {"description": "Seconds to wait, where that is known.", "schema": {"type": "integer"}}
    },
}
# What the gateway answers by itself, whatever the service would say.
ALWAYS = ("bad-request", "unknown-host", "content-too-large", "uri-too-long", "headers-too-large", "too-many-requests",
          "service-broke", "service-unavailable", "service-timeout", "identity-unavailable", "overloaded",
          "too-many-connections")  # fmt: skip
WITH_BODY = ("request-timeout",)


def refusals(route: Route, method: str, known: Mapping[str, Json]) -> Iterator[Json]:
    """What the gateway may refuse a request of this method and route with."""
    names = [*ALWAYS, *(WITH_BODY if method not in SAFE and route.limits.body else ())]
    if route.who is not Role.ANYONE:
        names += ["not-authenticated", "forbidden", "sessions-unavailable"]
        names += [] if method in SAFE else ["csrf-proof-missing"]
    return (known[name] for name in names)


def responses(problems: Iterable[Json]) -> dict[str, Json]:
    """The responses for what can go wrong, by status."""
    by_status: dict[int, dict[str, Json]] = defaultdict(dict)
    for problem in problems:
        by_status[problem["status"]][problem["slug"]] = problem
    return {
        str(status): _response(status, list(kinds.values())) for status, kinds in sorted(by_status.items())
    }


def _response(status: int, kinds: list[Json]) -> Json:
    kinds.sort(key=lambda kind: str(kind["slug"]))
    response: Json = {"description": ", ".join(f"`{kind['slug']}`" for kind in kinds)}
    if status in HEADERS:
        response["headers"] = HEADERS[status]
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {kind["slug"]: {"summary": kind["title"], "value": _example(kind)} for kind in kinds},
    }
    return {**response, "content": {CONTENT_TYPE: content}}


def _example(kind: Json) -> Json:
    return {
        "type": problem_type(GATEWAY, kind["slug"]),
        "title": kind["title"],
        "status": kind["status"],
        "detail": kind["detail"],
        "instance": "/api/…",
        "trace_id": TRACE,
        **kind["members"],
    }


def share(paths: Json) -> dict[str, Json]:
    """Replace the response that stands most often for each status by a reference; what the references name."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[str, Json] = {}
    for operation in operations(paths):
        for status, response in operation["responses"].items():
            if int(status) >= HTTPStatus.BAD_REQUEST:
                seen[status][str(response)] += 1
                texts[str(response)] = response
    shared = {status: texts[counts.most_common(1)[0][0]] for status, counts in seen.items()}
    for operation in operations(paths):
        for status, response in operation["responses"].items():
            if shared.get(status) == response:
                operation["responses"][status] = {"$ref": f"#/components/responses/{name_of(status)}"}
    return {name_of(status): response for status, response in sorted(shared.items())}


def name_of(status: str) -> str:
    """`NotFound` for 404."""
    return HTTPStatus(int(status)).phrase.title().replace(" ", "").replace("-", "")


def operations(paths: Json) -> Iterator[Json]:
    """Every operation of the document."""
    for place in paths.values():
        yield from place.values()
