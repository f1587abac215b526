"""`pytest tests/order` without `manage_all.py`: on the stores that a test run has kept, or a word on what to call.

Tests of a service need its settings, and Django knows one settings module a process; tests of several services
are several runs. `manage_all.py test` does all of that and comes here with everything set.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher import platform
from launcher.instance import ROOT, Instance
from launcher.selection import VARIABLE
from launcher.testing.grounds import kept
from launcher.testing.run import STORES_ONLY, WITH_KEYCLOAK
from launcher.testing.suites import SUITES, Suite

HERE = ROOT / "tests"
WAY_OUT = """
    python3 manage_all.py test {0}            what follows `--` goes to pytest
    python3 manage_all.py test {0} --keep     leaves the stores up: after it, pytest tests/{0} uses them"""


def prepare(arguments: Sequence[str]) -> None:
    """Set the environment that these arguments of pytest need; ends the process where that is not possible."""
    wanted = meant(arguments)
    if not any(suite.runs_as for suite in wanted):
        return
    if len(wanted) > 1:
        names = " ".join(suite.name for suite in wanted)
        sys.exit(f"Each of these runs as another service, in a process of its own:{WAY_OUT.format(names)}")
    (suite,) = wanted
    instance = _instance()
    if instance is None or not _is_up(suite, instance):
        sys.exit(f"tests/{suite.name} needs stores, and none are kept:{WAY_OUT.format(suite.name)}")
    os.environ.update(suite.environment(instance))
    import django

    django.setup()


def meant(arguments: Sequence[str]) -> list[Suite]:
    """The suites that hold these files and directories; all of them where none is named."""
    paths = [Path(each.partition("::")[0]).resolve() for each in arguments if not each.startswith("-")]
    named = [path for path in paths if path.exists() and path.is_relative_to(HERE)]
    return [
        suite
        for suite in SUITES
        if any(
            path.is_relative_to(place := ROOT / suite.directory) or place.is_relative_to(path)
            for path in named or [HERE]
        )
    ]


def _instance() -> Instance | None:
    offset = os.environ.get(VARIABLE) or kept()
    return None if offset is None else Instance(int(offset))


def _is_up(suite: Suite, instance: Instance) -> bool:
    parts = WITH_KEYCLOAK if suite.needs == "keycloak" else STORES_ONLY
    states = {each["state"] for each in platform.processes(instance) if each["name"] in parts.processes}
    return states == {"running"}
