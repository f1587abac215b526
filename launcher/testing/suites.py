"""Every suite of tests: one pytest run each, because Django knows one settings module a process."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.addresses import gateway_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import SERVICES, service

LAST_FAILED = {"--lf", "--last-failed"}


@dataclass(frozen=True)
class Suite:
    """A directory below `tests/`, the service whose environment it runs in, and how much of a platform it needs."""

    name: str
    runs_as: str | None = None
    needs: str = "stores"  # nothing, stores, keycloak (and the stores), or everything
    lane: int = 1  # suites of two lanes run at the same time, those of one after another
    workers: int = 1  # processes that share its tests: each has databases of its own (tests/worker.py)
    measured: bool = True  # whether `--coverage` counts the lines that its tests run
    folder: str = ""  # below `tests/`, where it is not the suite's name
    chosen_by: str = ""  # pytest's -m, where the folder holds another suite, too

    @property
    def directory(self) -> str:
        """Where its tests are."""
        return f"tests/{self.folder or self.name}"

    @property
    def code(self) -> str:
        """The files that it is about, as coverage understands it; empty for all."""
        package = service(self.name).package if self.runs_as == self.name else self.name
        return "" if self.needs == "everything" else f"{package.replace('.', '/')}/*"

    def options(self, arguments: Sequence[str]) -> list[str]:
        """What pytest is told about it. Tests that somebody chose run in one process: it can be stopped and looked into."""
        chosen = ["-m", self.chosen_by] if self.chosen_by else []
        shared = (
            ["-n", str(self.workers), "--dist", "worksteal"] if self.workers > 1 and not arguments else []
        )
        # Each remembers by itself what failed: two that run at once would overwrite each other's notes.
        again = ["--last-failed-no-failures", "none"] if LAST_FAILED & {*arguments} else []
        return [self.directory, *chosen, *shared, *again, "-o", f"cache_dir=.pytest_cache/{self.name}"]

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


LONG = "faults or full_table"  # marks, which pyproject.toml explains

NEEDS = {"gateway": "keycloak"}  # people sign in there; the other services' tests make their own tokens

# Most tests wait for processes, Kafka and time-outs: three lanes keep two cores busy. `order` is in the lane of `shared`,
# whose tests run as the order service on a database of the same name.
LANES = {"order": 0, "gateway": 2, "notification": 2}
WORKERS = {"gateway": 2}

SUITES = (
    Suite("launcher", needs="nothing", lane=0),
    Suite("simulation", needs="nothing", lane=0, measured=False),  # counting would double its time
    Suite("shared", runs_as="order", lane=0, workers=4),
    *(
        Suite(
            each.name,
            each.name,
            NEEDS.get(each.name, "stores"),
            LANES.get(each.name, 1),
            WORKERS.get(each.name, 1),
        )
        for each in SERVICES
    ),
    Suite("system", needs="everything", chosen_by=f"not ({LONG})"),
)
# The long ones of tests/system, on a platform of their own: not part of `test` without a name.
FAULTS = Suite("faults", needs="everything", folder="system", chosen_by=LONG)
# `k8s` runs by itself (launcher/k8s/running.py): on a cluster, not on a platform of this machine.
GROUPS = {"unit": tuple(each for each in SUITES if each.name != "system"), "static": (), "k8s": ()}


def chosen(names: Iterable[str]) -> tuple[Suite, ...]:
    """The suites that these names mean; all but `faults` for no name. Raises LauncherError for an unknown one."""
    by_name = {each.name: (each,) for each in (*SUITES, FAULTS)} | GROUPS
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise LauncherError(
            f"There are no tests called {', '.join(unknown)}.", f"Choose from {', '.join(by_name)}."
        )
    wanted = [suite for name in names for suite in by_name[name]] if names else SUITES
    return tuple(each for each in wanted if any(Path(each.directory).rglob("test_*.py")))
