"""`/api/`: what the caller may do, made from the route table and the API's description."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from gateway.http.exchange import Exchange
from gateway.pages.openapi_view import FILE
from gateway.route_types import HERE, WEBSOCKET
from gateway.routes import ROUTES
from shared.auth import Principal

ROOT = "/api/"
PRIVATE = [(b"cache-control", b"private, no-store"), (b"vary", b"Accept, Authorization, Cookie")]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be done at one address; `url` where nothing has to be put into the address first."""

    method: str
    path: str
    summary: str
    url: str | None

    @property
    def subject(self) -> str:
        """What the first word of the address is about."""
        return self.path.removeprefix(ROOT).partition("/")[0].replace("-", " ").capitalize()

    @property
    def can_be_opened(self) -> bool:
        """Whether a link leads there."""
        return self.method == "GET" and self.url is not None


async def answer(exchange: Exchange) -> None:
    """The index, as a page for people and as JSON for programs."""
    found = list(_operations(exchange.principal))
    if not exchange.is_for_people:
        body = json.dumps({"operations": [asdict(each) for each in found]}).encode()
        await exchange.answer(200, [*PRIVATE, (b"content-type", b"application/json")], body)
        return
    subjects: dict[str, list[Operation]] = {}
    for each in found:
        subjects.setdefault(each.subject, []).append(each)
    page = render_to_string("gateway/index.html", {"subjects": subjects, **exchange.account}).encode()
    await exchange.answer(200, [*PRIVATE, (b"content-type", b"text/html; charset=utf-8")], page)


def _operations(principal: Principal | None) -> Iterator[Operation]:
    for route in ROUTES:
        if not route.path.startswith(ROOT) or route.to == HERE or not route.who.admits(principal):
            continue
        url = None if "{" in route.path else f"{settings.GATEWAY_URL}{route.path}"
        for method in route.methods.split():
            if method != WEBSOCKET:
                yield Operation(
                    method, route.path, _summaries().get((method, route.path), "").replace("`", ""), url
                )


@cache
def _summaries() -> dict[tuple[str, str], str]:
    """What the API's description says of each operation in one line."""
    paths: dict[str, dict[str, Any]] = json.loads(FILE.read_bytes())["paths"]
    return {
        (method.upper(), path): operation.get("summary", "")
        for path, operations in paths.items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
    }
