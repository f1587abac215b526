"""Every service's models in one process: for mypy's Django plugin, and for the simulation, which touches no database."""

from importlib import import_module
from typing import Any

from shared.declaration import Process, Service, declared
from shared.settings import service_settings

FIRST, *OTHERS = sorted(declared(), key=lambda each: each.database != "postgres")


def own_settings(service: Service, usual: dict[str, Any]) -> dict[str, Any]:
    """What a service adds to the settings that everybody has."""
    found = vars(import_module(f"{service.package}.settings"))
    return {name: value for name, value in found.items() if name.isupper() and name not in usual}


# The first one's name and database, and nothing that it alone needs.
NEUTRAL = Service(
    name=FIRST.name, port=FIRST.port, redis=FIRST.redis, database=FIRST.database, processes=(Process("api"),)
)
common = service_settings(
    NEUTRAL, also=[*(each.package for each in OTHERS), "django.contrib.postgres", "shared.history"]
)
globals().update(common)
for each in (FIRST, *OTHERS):
    if each.server != "gateway":  # which has pages and sessions as nobody else has
        globals().update(own_settings(each, common))
