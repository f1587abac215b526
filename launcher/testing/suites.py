"""Every suite of tests: one pytest run each, because Django knows one settings module a process."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from launcher.addresses import gateway_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import SERVICES, service


@dataclass(frozen=True)
class Suite:
    """A directory below `tests/`, the service whose environment it runs in, and how much of a platform it needs."""

    name: str
    runs_as: str | None = None
    needs: str = "stores"  # nothing, stores, keycloak (and the stores), or everything
    lane: int = 1  # suites of two lanes run at the same time, those of one after another
    measured: bool = True  # whether the lines that its tests run are counted

    @property
    def directory(self) -> str:
        """Where its tests are."""
        return f"tests/{self.name}"

    def environment(self, instance: Instance) -> dict[str, str]:
        """What pytest runs with: the caller's environment, the service's addresses, the platform's number."""
        owned = environment(service(self.runs_as), instance) if self.runs_as else {}
        found = {**os.environ, **owned, "MICROCOMMERCE_PORT_OFFSET": str(instance.offset)}
        if self.runs_as:
            found["DJANGO_SETTINGS_MODULE"] = f"{service(self.runs_as).package}.settings"
        if self.needs == "stores":
            # Nothing answers there: tests of one service look at the links that it writes, on the usual port.
            found["MICROCOMMERCE_GATEWAY_URL"] = gateway_url(Instance())
        return found


NEEDS = {"gateway": "keycloak"}  # people sign in there; the other services' tests make their own tokens

LANES = {"order": 0}  # with shared, whose tests use the same test database; the first lane mostly waits

SUITES = (
    Suite("launcher", needs="nothing", lane=0),
    Suite("simulation", needs="nothing", lane=0, measured=False),  # counting would double its time
    Suite("shared", runs_as="order", lane=0),
    *(
        Suite(each.name, each.name, NEEDS.get(each.name, "stores"), LANES.get(each.name, 1))
        for each in SERVICES
    ),
    Suite("system", needs="everything"),
)
# `k8s` runs by itself (launcher/k8s/running.py): on a cluster, not on a platform of this machine.
GROUPS = {"unit": tuple(each for each in SUITES if each.name != "system"), "static": (), "k8s": ()}


def chosen(names: Iterable[str]) -> tuple[Suite, ...]:
    """The suites that these names mean; all of them for no name. Raises LauncherError for an unknown one."""
    by_name = {each.name: (each,) for each in SUITES} | GROUPS
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise LauncherError(
            f"There are no tests called {', '.join(unknown)}.", f"Choose from {', '.join(by_name)}."
        )
    wanted = [suite for name in names for suite in by_name[name]] if names else SUITES
    return tuple(each for each in wanted if any(Path(each.directory).rglob("test_*.py")))
