"""What is checked without running the platform: style, types, who imports whom, migrations, the contract."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from launcher.instance import Instance
from launcher.migrations import django_command
from launcher.services import environment
from launcher.system import SERVICES, with_postgres
from launcher.testing.production import production_environment

TOOLS = Path(sys.executable).parent
PACKAGES = ("apps", "benchmarks", "examples", "gateway", "infrastructure", "launcher", "shared")


@dataclass(frozen=True)
class Check:
    """A command that exits 0 when all is well."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a check came to."""

    name: str
    passed: bool
    output: str


def checks(instance: Instance) -> Iterator[Check]:
    """Every check, the long one first."""
    yield Check("mypy", (str(TOOLS / "mypy"),))
    yield Check("ruff check", (str(TOOLS / "ruff"), "check", "--quiet", "--output-format", "concise", "."))
    yield Check("ruff format", (str(TOOLS / "ruff"), "format", "--check", "--quiet", "."))
    yield Check("imports", (str(TOOLS / "lint-imports"),))
    yield Check("bandit", (str(TOOLS / "bandit"), "-q", "-c", "pyproject.toml", "-ll", "-r", *PACKAGES))
    if (instance.root / ".git").exists():
        yield Check("secrets in the history", (sys.executable, "-m", "launcher.testing.secret_scan"))
    yield Check("the contract's documents", (sys.executable, "-m", "launcher.contract", "check"))
    for owner in SERVICES:
        if owner.database:
            unmigrated = (sys.executable, "-m", "launcher.testing.unmigrated")
            settings = {"DJANGO_SETTINGS_MODULE": f"{owner.package}.settings"}
            yield Check(f"migrations of {owner.name}", unmigrated, environment(owner, instance) | settings)
    yield Check("names by the glossary", (sys.executable, "-m", "launcher.testing.names"))
    lint = (sys.executable, "-m", "launcher.testing.migration_lint")
    yield Check("migrations that old code can live with", lint, environment(with_postgres()[0], instance))
    for owner in SERVICES:
        arguments = django_command(owner, "check", "--fail-level", "WARNING")
        yield Check(f"settings of {owner.name}", tuple(arguments), environment(owner, instance))
    for owner in SERVICES:
        arguments = django_command(owner, "check", "--deploy", "--fail-level", "WARNING")
        yield Check(f"{owner.name} in production", tuple(arguments), production_environment(owner, instance))


def run_all(instance: Instance) -> list[Outcome]:
    """Run every check, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda check: outcome_of(check, instance.root), checks(instance)))


def outcome_of(check: Check, root: Path) -> Outcome:
    """Run it from `root`."""
    done = subprocess.run(
        check.command,
        cwd=root,
        env=check.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(check.name, done.returncode == 0, done.stdout)
