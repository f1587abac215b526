"""The route table made quick to look up: a tree of path pieces, no pattern is tried in vain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.route_types import HERE, WEBSOCKET, Role, Route

_STRICTNESS = [Role.ANYONE, Role.CUSTOMER, Role.MANAGER]


class InvalidRouteTable(Exception):
    """The route table contradicts itself; the message names the row."""


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """One address: what may be done there (`routes`, by method) and what an `Allow` header says.

    `form` is the row by which a browser is shown a page with forms, where there is nothing to read.
    """

    path: str
    routes: Mapping[str, Route]
    allow: bytes
    form: Route | None = None


@dataclass(slots=True)
class _Node:
    named: dict[bytes, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    match: RouteMatch | None = None


class Router:
    """Finds the row of the table for a path."""

    def __init__(self, table: Iterable[Route]) -> None:
        self._root = _Node()
        self._prefixes: dict[bytes, RouteMatch] = {}
        for match in _matches(table):
            if match.path.endswith("...}"):
                self._prefixes[match.path.rpartition("{")[0].encode()] = match
            else:
                self._plant(match)

    def find(self, path: bytes) -> RouteMatch | None:
        """What the table has at `path`, which must be plain (`gateway.security.paths`), or None."""
        node = self._root
        for piece in path.split(b"/"):
            child = node.named.get(piece) or (node.any if piece else None)
            if child is None:
                return self._find_prefix(path)
            node = child
        return node.match

    def matches(self) -> Iterable[RouteMatch]:
        """Every address of the table."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            waiting += [*node.named.values(), *([node.any] if node.any else [])]
            if node.match:
                yield node.match
        yield from self._prefixes.values()

    def _find_prefix(self, path: bytes) -> RouteMatch | None:
        for prefix, match in self._prefixes.items():
            if path.startswith(prefix) and path != prefix:
                return match
        return None

    def _plant(self, match: RouteMatch) -> None:
        node = self._root
        for piece in match.path.split("/"):
            parent = node
            if piece.startswith("{"):
                node = parent.any = parent.any or _Node()
            else:
                node = parent.named.setdefault(piece.encode(), _Node())
            if parent.any and parent.named.keys() - {b""}:
                raise InvalidRouteTable(
                    f"{match.path}: a fixed word and a {{name}} cannot stand at the same depth."
                )
        node.match = match


def _matches(table: Iterable[Route]) -> list[RouteMatch]:
    found: dict[str, dict[str, Route]] = {}
    for route in table:
        methods = found.setdefault(route.path, {})
        for method in route.methods.split():
            if method in methods:
                raise InvalidRouteTable(f"{method} {route.path} is named twice.")
            methods[method] = route
    return [_match(path, methods) for path, methods in found.items()]


def _match(path: str, methods: dict[str, Route]) -> RouteMatch:
    routes = {method: route for method, route in methods.items() if method != WEBSOCKET}
    form = None
    if routes:
        easiest = min(routes.values(), key=lambda route: _STRICTNESS.index(route.who))
        if "GET" not in routes and easiest.to != HERE and easiest.limits.in_api:
            form = easiest
        routes["OPTIONS"] = routes.get("GET", easiest)
    if "GET" in routes:
        routes["HEAD"] = routes["GET"]
    allow = ", ".join(sorted(routes)).encode()
    if WEBSOCKET in methods:
        routes[WEBSOCKET] = methods[WEBSOCKET]
    return RouteMatch(path, routes, allow, form)
