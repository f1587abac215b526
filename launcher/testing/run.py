"""The whole of `manage_all.py test`, from static checks to the summary."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

from rich.table import Table

from launcher import platform
from launcher.browser import chromium
from launcher.console import Ticker, console, say
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.system import STORES
from launcher.testing.grounds import grounds
from launcher.testing.pytest_runs import Result, Runs
from launcher.testing.static import Outcome, run_all
from launcher.testing.suites import Suite, chosen
from launcher.topics import empty_topics
from launcher.up import Parts, bring_up, specification_of

# Most unit tests make their own tokens: they do not wait for Keycloak, which takes the longest to start.
STORES_ONLY = Parts(
    stores=tuple(each for each in STORES if each.name not in {"keycloak", "mail"}), services=()
)
WITH_KEYCLOAK = Parts(services=())


def run(names: Sequence[str], arguments: Sequence[str], *, keep: bool, coverage: bool = False) -> bool:
    """Run what `names` mean and print the summary; whether all of it passed."""
    suites = chosen(names)
    static = "static" in names or not (names or arguments)
    of_services = [suite for suite in suites if suite.needs != "everything"]
    of_the_platform = [suite for suite in suites if suite.needs == "everything"]
    results: list[Result] = []
    with ThreadPoolExecutor(3) as pool, grounds(keep=keep) if suites else nullcontext(Instance()) as instance:
        instance.make_directories()
        checks = pool.submit(run_all, instance) if static else None
        if checks:  # shown when they are there: the tests need not wait
            checks.add_done_callback(lambda done: _show(done.result()))
        if of_the_platform and not arguments:
            pool.submit(
                chromium
            )  # while the platform starts; the tests that use it say what kept it from coming
        needs = {suite.needs for suite in of_services}
        if needs - {"nothing"}:
            _bring_up(instance, replace(STORES_ONLY, tied=not keep))
        keycloak = pool.submit(_bring_up, instance, WITH_KEYCLOAK) if "keycloak" in needs else None
        runs = Runs(instance, arguments, coverage=coverage, keycloak=keycloak)
        results += runs.run(of_services)
        if of_the_platform:
            if results and not keep:
                # Some unit tests speak of products that no catalogue has; the platform's services would hear of them.
                empty_topics(instance)
            _bring_up(instance, Parts(tied=not keep))
            results += runs.run(of_the_platform)
        if results and coverage:
            _report_coverage(instance, suites)
        outcomes = checks.result() if checks else []
    require_any(results, arguments)
    passed = _summarise(outcomes, results) if outcomes or results else True
    return (_on_a_cluster(arguments) and passed) if "k8s" in names else passed


def _on_a_cluster(arguments: Sequence[str]) -> bool:
    """tests/k8s on the lab cluster, which is there for as long as they run."""
    from launcher.k8s import running

    console.rule("the platform on a cluster")
    try:
        running.bring_up("local", say, in_lab=True)
        return running.run_tests(arguments, in_lab=True)
    finally:
        running.take_down(say, in_lab=True)


def require_any(results: Sequence[Result], arguments: Sequence[str]) -> None:
    """Raises LauncherError where the arguments mean no test at all: a slip of the finger must not pass."""
    if results and not any(result.chose_any for result in results):
        raise LauncherError(
            f"No test of {', '.join(result.name for result in results)} is meant by {' '.join(arguments)}.",
            "`-- --collect-only -q` lists the tests of a suite.",
        )


def _bring_up(instance: Instance, parts: Parts) -> None:
    console.rule("the platform under test" if parts.is_everything else "the stores under test")
    with Ticker() as ticker:
        changed = bring_up(instance, ticker, parts)
    if parts.is_everything and not changed:
        names = platform.named(instance, "services")  # a kept platform: its code may be of yesterday
        platform.restart(instance, specification_of(instance, names))
        platform.wait_until_running(instance, names, 120)


def _show(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        console.print(f"  {'[green]✓[/]' if outcome.passed else '[red]✗[/]'} {outcome.name}")
        if not outcome.passed:
            console.print(outcome.output, markup=False, soft_wrap=True)


def _report_coverage(instance: Instance, suites: Sequence[Suite]) -> None:
    """Of the code that these suites are about; of all of it where one is about everything."""
    directory = instance.state / "coverage"
    if not directory.exists():
        return
    console.rule("coverage in per cent")
    total = instance.root / ".coverage"
    coverage = [sys.executable, "-m", "coverage"]
    about = {suite.code for suite in suites}
    only = [] if "" in about else [f"--include={','.join(sorted(about))}"]
    combine = [*coverage, "combine", "--quiet", f"--data-file={total}", str(directory)]
    report = [*coverage, "report", f"--data-file={total}", *only]
    for command in (combine, report):
        subprocess.run(command, cwd=instance.root, check=False)


def _summarise(outcomes: Sequence[Outcome], results: Sequence[Result]) -> bool:
    table = Table(box=None, header_style="bold")
    for heading in ("suite", "passed", "failed", "seconds"):
        table.add_column(heading, justify="left" if heading == "suite" else "right")
    if outcomes:
        good = sum(outcome.passed for outcome in outcomes)
        table.add_row("static checks", str(good), str(len(outcomes) - good), "")
    for result in results:
        table.add_row(result.name, str(result.passed), str(result.failed), f"{result.seconds:.0f}")
    console.rule("summary")
    console.print(table)
    passed = sum(outcome.passed for outcome in outcomes) + sum(result.passed for result in results)
    failed = sum(not outcome.passed for outcome in outcomes) + sum(result.failed for result in results)
    print(f"\n{passed} passed, {failed} failed")
    return failed == 0
