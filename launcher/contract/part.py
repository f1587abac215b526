"""What one project contributes to the contract, as JSON on standard output: `python -m launcher.contract.part`.

A process of its own for each project: Django knows one settings module. Runs with the project's environment and
DJANGO_SETTINGS_MODULE; no store has to be there.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from inspect import getdoc
from pkgutil import walk_packages
from typing import Any

import django
from pydantic_settings import BaseSettings

Json = dict[str, Any]


def main() -> None:
    """Print the part of the project that the environment names."""
    with redirect_stdout(sys.stderr):  # what drf-spectacular has to say is no part of the document
        django.setup()
        found = _part()
    json.dump(found, sys.stdout)


def _part() -> Json:
    from django.conf import settings

    package = settings.SERVICE_PACKAGE
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        if not module.name.endswith((".manage", ".__main__", ".celery", ".settings", "sgi", ".every_app")):
            import_module(module.name)
    is_gateway = package == "gateway"
    return {
        "openapi": {} if is_gateway else _openapi(),
        "problems": list(_refusals() if is_gateway else _problems()),
        "receives": sorted(_receives(package)),
        "variables": list(_variables(settings.ENVIRONMENT)),
    }


def _openapi() -> Json:
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    document: Json = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    if GENERATOR_STATS:
        GENERATOR_STATS.emit_summary()
        raise SystemExit("drf-spectacular does not understand a view of this service: see above.")
    return document


def _problems() -> Iterator[Json]:
    from shared.http.openapi import INVALID, MALFORMED, generic, shown
    from shared.http.problems import SLUGS, Problem

    yield from (INVALID, MALFORMED, *map(generic, SLUGS))
    yield from map(shown, (Problem, *_below(Problem)))


def _refusals() -> Iterator[Json]:
    from gateway.errors import HttpProblem

    for kind in (HttpProblem, *_below(HttpProblem)):
        detail = kind.__dict__.get("detail") or (getdoc(kind) or "").split("\n")[0]
        title = kind.title or kind(detail).heading
        yield {"slug": kind.slug, "status": kind.status, "title": title, "detail": detail, "members": {}}


def _below(kind: type) -> Iterator[Any]:
    below: type
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _variables(environment: BaseSettings) -> Iterator[Json]:
    """Each variable without its prefix, with its default in Markdown."""
    for name, found in type(environment).model_fields.items():
        default = "needed" if found.is_required() else _default(found.default)
        yield {"name": name.upper(), "default": default, "description": found.description or ""}


def _default(value: Any) -> str:
    empty = value is None or value in ("", [], {})
    return "none" if empty else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _receives(package: str) -> Iterator[str]:
    if find_spec(f"{package}.handlers"):
        yield from (message.TYPE for message in import_module(f"{package}.handlers").LISTENER.handlers)


if __name__ == "__main__":
    main()
