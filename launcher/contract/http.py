"""The OpenAPI document of the platform: every service's own, put under the gateway's route table."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from gateway.route_types import HERE, WEBSOCKET, Role, Route
from gateway.routes import ROUTES
from launcher.contract import about
from launcher.contract.failures import refusals, responses, share
from launcher.contract.parts import Part
from launcher.errors import LauncherError
from shared.http.problem_document import KINDS

Json = dict[str, Any]
Address = tuple[str, str]  # a path whose parameters have no names, and a method

PARAMETER = re.compile(r"\{(\w+)\}")
WHO = {
    Role.ANYONE: "Anyone may do this.",
    Role.CUSTOMER: "For customers, about what is their own; for managers, about everything.",
    Role.MANAGER: "For managers.",
}


def _security(who: Role) -> list[Json]:
    """What a caller has to show: nothing, or one of these, with the role that OpenAPI 3.1 lets them name."""
    if who is Role.ANYONE:
        return []
    return [{"session": [who.value]}, {"bearer": [who.value]}, {"oauth2": [about.SCOPE]}]


@dataclass(frozen=True)
class Described:
    """An operation as a service describes it, with the service's own names for the parts of the path."""

    path: str
    operation: Json


def document(parts: Mapping[str, Part]) -> Json:
    """The whole document; raises LauncherError where routes and operations do not match."""
    described = dict(_described(parts))
    routes = {(_shape(route.path), method): route for method, route in _forwarded()}
    _compare(described, routes)
    known = {problem["slug"]: problem for problem in reversed(parts[HERE].problems)}
    paths: Json = {}
    for (shape, method), route in routes.items():
        failures = refusals(route, method, known)
        operation = _placed(described[shape, method], route, failures)
        paths.setdefault(route.path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": about.info(),
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [{"name": name, "description": text} for name, text in about.TAGS.items()],
        "paths": paths,
        "components": {
            "responses": share(paths),
            "schemas": _schemas(parts),
            "securitySchemes": about.SECURITY_SCHEMES,
        },
    }


def _described(parts: Mapping[str, Part]) -> Iterator[tuple[Address, Described]]:
    for part in parts.values():
        for path, place in part.openapi.get("paths", {}).items():
            for method, operation in place.items():
                yield (_shape(path), method.upper()), Described(path, operation)
    for (method, path), operation in about.BY_HAND.items():
        yield (_shape(path), method), Described(path, operation)


def _forwarded() -> Iterator[tuple[str, Route]]:
    for route in ROUTES:
        for method in route.methods.split():
            if route.to != HERE and method != WEBSOCKET and route.limits.in_api:
                yield method, route


def _shape(path: str) -> str:
    return PARAMETER.sub("{}", path)


def _compare(described: Mapping[Address, Described], routes: Mapping[Address, Route]) -> None:
    wrong = [
        f"{method} {described[path, method].path}: a service answers this, and no route of gateway/routes.py leads to it."
        for path, method in described.keys() - routes.keys()
    ]
    wrong += [
        f"{method} {routes[path, method].path}: gateway/routes.py leads there, and no view describes it."
        for path, method in routes.keys() - described.keys()
    ]
    tags = {tag for each in described.values() for tag in each.operation["tags"]}
    wrong += [
        f"The tag {tag} has no words: `tags` in the service.py of whoever answers there."
        for tag in tags - about.TAGS.keys()
    ]
    if wrong:
        raise LauncherError(
            "The routes and what the services describe do not match.", "\n".join(sorted(wrong))
        )


def _placed(described: Described, route: Route, failures: Iterator[Json]) -> Json:
    """The operation as the gateway offers it."""
    names = dict(zip(PARAMETER.findall(described.path), PARAMETER.findall(route.path), strict=True))
    operation = {name: value for name, value in described.operation.items() if name != KINDS}
    operation["description"] = f"{operation.get('description', '')}\n\n{WHO[route.who]}".strip()
    parameters = [_renamed(parameter, names) for parameter in operation.pop("parameters", ())]
    if parameters:
        operation["parameters"] = parameters
    operation["security"] = _security(route.who)
    good = {
        status: {**answer, "description": answer.get("description") or HTTPStatus(int(status)).phrase}
        for status, answer in operation["responses"].items()
        if status.isdigit()
    }
    bad = responses([*failures, *described.operation.get(KINDS, ())])
    operation["responses"] = {**good, **bad}
    repaired: Json = _repaired(operation)
    return repaired


def _renamed(parameter: Json, names: Mapping[str, str]) -> Json:
    if parameter["in"] != "path":
        return parameter
    return {**parameter, "name": names[parameter["name"]]}


def _schemas(parts: Mapping[str, Part]) -> Json:
    found: Json = {}
    for part in parts.values():
        for name, schema in part.openapi.get("components", {}).get("schemas", {}).items():
            if found.setdefault(name, schema) != schema:
                raise LauncherError(
                    f"Two services give the name {name} to different schemas.",
                    f"Give the serializer in apps/{part.service} a component_name of its own.",
                )
    return {name: _repaired(found[name]) for name in sorted(found)}


def _repaired(node: Any) -> Any:
    """What drf-spectacular still writes as in OpenAPI 3.0, as 3.1 has it."""
    if isinstance(node, list):
        return [_repaired(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _repaired(value) for name, value in node.items() if name != "nullable"}
    if "type" in kept and "example" in kept:
        kept["examples"] = [kept.pop("example")]
    return {**kept, "type": [node["type"], "null"]} if node.get("nullable") is True else kept
