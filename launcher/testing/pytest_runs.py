"""Run a suite with pytest, measure its coverage, count what it came to."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from launcher.instance import Instance
from launcher.testing.suites import Suite

NOTHING_COLLECTED = 5


@dataclass(frozen=True)
class Result:
    """How many tests of a suite passed and failed, and how long it took."""

    name: str
    passed: int
    failed: int
    seconds: float


def run_suite(suite: Suite, instance: Instance, arguments: Sequence[str], *, filtered: bool) -> Result:
    """One pytest run; no test at all is a failure unless the caller asked for some of them only."""
    began = time.monotonic()
    report = instance.state / f"pytest-{suite.name}.xml"
    report.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "coverage", "run", f"--data-file={coverage_file(instance, suite.name)}",
        "-m", "pytest", suite.directory, f"--junitxml={report}", *arguments,
    ]  # fmt: skip
    status = subprocess.run(
        command, cwd=instance.root, env=suite.environment(instance), check=False
    ).returncode
    passed, failed = _count(report)
    if status != 0 and failed == 0 and not (filtered and status == NOTHING_COLLECTED):
        failed = 1  # pytest itself failed: an error while collecting, or no test
    return Result(suite.name, passed, failed, time.monotonic() - began)


def coverage_file(instance: Instance, name: str) -> Path:
    """Where the run leaves what it measured."""
    directory = instance.state / "coverage"
    directory.mkdir(exist_ok=True)
    return directory / f".coverage.{name}"


def _count(report: Path) -> tuple[int, int]:
    if not report.exists():
        return 0, 0
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it a moment ago
    passed = failed = 0
    for suite in suites:
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += bad
        passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed
