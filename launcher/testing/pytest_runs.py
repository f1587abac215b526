"""Run suites with pytest, measure their coverage where that is wanted, count what they came to."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

from launcher.console import console
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
    chose_any: bool = True  # whether any test of the suite was meant by the arguments


class Runs:
    """One pytest run for each suite. Without any test a run has failed, unless `arguments` choose some of them.

    Suites that need Keycloak are the last ones of their lane, and wait until `keycloak` is done.
    """

    def __init__(
        self,
        instance: Instance,
        arguments: Sequence[str],
        *,
        coverage: bool = False,
        keycloak: "Future[None] | None" = None,
    ) -> None:
        self._instance = instance
        self._coverage = coverage
        self._keycloak = keycloak
        self._arguments = arguments
        self._showing = threading.Lock()
        self._under_way: set[subprocess.Popen[bytes]] = set()
        self._interrupted = False

    def run(self, suites: Sequence[Suite]) -> list[Result]:
        """All of `suites`. Where they are of two lanes, what a suite says is shown when it has ended."""
        lanes = in_lanes(suites)
        if len(lanes) < 2:  # noqa: PLR2004 - nothing to mix up
            return [self._shown_at_once(suite) for lane in lanes for suite in lane]
        with ThreadPoolExecutor(len(lanes)) as pool:
            try:
                return [result for lane in pool.map(self._lane, lanes) for result in lane]
            except BaseException:  # Ctrl-C: the pool would wait for what runs, and for what comes after it
                self._interrupted = True
                for process in list(self._under_way):
                    process.terminate()
                raise

    def _lane(self, suites: Sequence[Suite]) -> list[Result]:
        return [self._shown_at_its_end(suite) for suite in suites if not self._interrupted]

    def _shown_at_once(self, suite: Suite) -> Result:
        console.rule(f"tests/{suite.name}")
        return self._run(suite, None)

    def _shown_at_its_end(self, suite: Suite) -> Result:
        with tempfile.TemporaryFile() as output:
            result = self._run(suite, output)
            output.seek(0)
            with self._showing:
                console.rule(f"tests/{suite.name}")
                console.out(output.read().decode(errors="replace"), highlight=False)
        return result

    def _run(self, suite: Suite, output: IO[bytes] | None) -> Result:
        if suite.needs == "keycloak" and self._keycloak:
            self._keycloak.result()
        began = time.monotonic()
        report = self._instance.state / f"pytest-{suite.name}.xml"
        report.unlink(missing_ok=True)
        options = [*suite.options(self._arguments), f"--junitxml={report}", *self._arguments]
        command = [sys.executable, *self._counting(suite), "-m", "pytest", *options]
        environment = suite.environment(self._instance)
        with subprocess.Popen(
            command, cwd=self._instance.root, env=environment, stdout=output, stderr=output
        ) as process:
            self._under_way.add(process)
            status = process.wait()
        self._under_way.discard(process)
        passed, failed = _count(report)
        if status != 0 and failed == 0 and not (self._arguments and status == NOTHING_COLLECTED):
            failed = 1  # pytest itself failed: an error while collecting, or no test
        return Result(suite.name, passed, failed, time.monotonic() - began, status != NOTHING_COLLECTED)

    def _counting(self, suite: Suite) -> list[str]:
        if not (self._coverage and suite.measured):
            return []
        return ["-m", "coverage", "run", f"--data-file={coverage_file(self._instance, suite.name)}"]


def in_lanes(suites: Sequence[Suite]) -> list[list[Suite]]:
    """Suites that run one after another, in that order: whoever waits for Keycloak comes last."""
    ordered = sorted(suites, key=lambda suite: suite.needs == "keycloak")
    return [[each for each in ordered if each.lane == lane] for lane in sorted({s.lane for s in suites})]


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
