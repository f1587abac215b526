"""Finds the declarations: `service.py` in each folder of `apps`, and the gateway's."""

import runpy
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from pathlib import Path

from shared.declaration.service import DeclarationError, Service, unknown

ROOT = Path(__file__).resolve().parents[2]
FILE = "service.py"


@cache
def declared(root: Path = ROOT) -> tuple[Service, ...]:
    """Every service of the checkout at `root`, in the order of their ports. Raises DeclarationError.

    In an image there is only the service that the image is of.
    """
    found = [_read(file, root) for file in _files(root)]
    if complaints := list(_complaints(found)):
        raise DeclarationError("\n  ".join(("The services do not fit together:", *complaints)))
    return tuple(sorted(found, key=lambda each: each.port))


def _files(root: Path) -> Iterator[Path]:
    projects = [file.parent for file in (*root.glob("apps/*/manage.py"), *root.glob("gateway/manage.py"))]
    folders = {*projects, *(file.parent for file in root.glob(f"apps/*/{FILE}"))}
    for folder in sorted(folders):
        if not (folder / FILE).exists():
            raise DeclarationError(
                f"{folder.relative_to(root)} is a Django project that does not declare itself: "
                f"write its {FILE} (docs/adding-a-service.md)."
            )
        yield folder / FILE


def _read(file: Path, root: Path) -> Service:
    """By its path: to import it as a part of its package would import the package, and with saga's Celery."""
    name = file.relative_to(root).as_posix()
    try:
        found = runpy.run_path(str(file)).get("SERVICE")
    except (DeclarationError, TypeError, SyntaxError, ImportError, NameError) as error:
        raise DeclarationError(f"{name} cannot be read. {error}") from error
    if not isinstance(found, Service):
        raise DeclarationError(f"{name} has no SERVICE = Service(…).")
    if found.name != file.parent.name:
        raise DeclarationError(f"{name} declares {found.name!r}; its folder is {file.parent.name!r}.")
    return found


def _complaints(services: Sequence[Service]) -> Iterator[str]:
    yield from _shared_by_two(services, "the port", lambda each: [each.port])
    yield from _shared_by_two(services, "the Redis database", lambda each: [each.redis])
    yield from _shared_by_two(services, "the topic to write to", lambda each: each.writes)
    yield from _shared_by_two(
        services, "the part of an order's life", lambda each: [*each.evidence.of_orders]
    )
    names = {each.name for each in services}
    if len(services) > 1:  # in an image nobody else is there
        for each in services:
            for name in each.calls:
                if name not in names:
                    yield f"{each.name} calls {name!r}, but {unknown('service', name, sorted(names))}"


def _shared_by_two(
    services: Sequence[Service], what: str, of: Callable[[Service], Sequence[Hashable]]
) -> Iterator[str]:
    owners: dict[Hashable, str] = {}
    for each in services:
        for value in of(each):
            if value in owners:
                yield f"{owners[value]} and {each.name} both have {what} {value}."
            owners[value] = each.name
