"""Sees each system test go red: takes its protection away, runs it, and puts the protection back.

    .venv/bin/python -m tests.mutation_check [PATTERN...] [--port-offset N]

For developers, on a platform that is up from this checkout; the table is `tests/mutations.py`. A row is red when a
test failed, or an invariant did after it. It is still green when nothing failed: then the test watches nothing, or
something else protects as well. It is not applicable when its test was never reached. The exit code is 0 when every
row was red. Whatever ends this, the file is put back; only after a `kill -9` is that for `git restore` to do.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from launcher import platform
from launcher.console import console
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.up import specification_of
from tests.mutations import MUTATIONS, Mutation

RED, GREEN, NOT_APPLICABLE = "red", "still green", "not applicable"
START_SECONDS = 120
TEST_SECONDS = 600
Verdict = tuple[str, str]  # and why


class NotOnce(LauncherError):
    """A row's protection is not where it says, or there more than once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every row that a pattern names, all of them without one."""
    wanted, instance = _parse_arguments(arguments)
    alone = (ROOT / ".microcommerce" / "mutation_check.lock").open("w")  # two would see each other's changes
    fcntl.flock(alone, fcntl.LOCK_EX)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the file is put back then, too
    outcomes: Counter[str] = Counter()
    changed = ""  # the processes of the last row: the next one may have to start the same ones again anyway
    try:
        for row in wanted:
            if row.restart != changed:
                _restart(changed, instance)
            changed, began = row.restart, time.monotonic()
            outcome, why = check(row, instance)
            outcomes[outcome] += 1
            _say(f"{outcome:14} {time.monotonic() - began:4.0f} s  {row}  ({why})")
    except KeyboardInterrupt:
        _say("Interrupted; the code is as it was.")
    finally:
        _restart(changed, instance)
    _say(f"{len(wanted)} rows: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    return 0 if outcomes[RED] == len(wanted) else 1


def _parse_arguments(arguments: Sequence[str] | None) -> tuple[list[Mutation], Instance]:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation_check")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="part of a row's test or file")
    parser.add_argument("--port-offset", type=int, default=0, metavar="N")
    given = parser.parse_args(arguments)
    wanted = [row for row in MUTATIONS if _is_meant(row, given.patterns)]
    instance = Instance(given.port_offset)
    if not wanted:
        parser.error("no row of tests/mutations.py is meant")
    if not platform.is_supervised(instance):
        parser.error(f"nothing runs here: python manage_all.py up{instance.option()}")
    return wanted, instance


def _is_meant(row: Mutation, patterns: Sequence[str]) -> bool:
    return not patterns or any(pattern in f"{row.test} {row.file}" for pattern in patterns)


def check(row: Mutation, instance: Instance) -> Verdict:
    """What becomes of the row's test without its protection. The row's processes are to be restarted after it."""
    try:
        with mutated(row):
            _restart(row.restart, instance)
            return _test(row, instance)
    except LauncherError as error:
        return NOT_APPLICABLE, _first_line(error.message)


@contextlib.contextmanager
def mutated(row: Mutation, root: Path = ROOT) -> Iterator[None]:
    """The row's file without its protection, for as long as this lasts. Raises NotOnce."""
    file = root / row.file
    as_it_was = file.read_bytes()
    text = as_it_was.decode()
    if text.count(row.text) != 1:
        raise NotOnce(f"{row.file} holds this {text.count(row.text)} times: {row.text}", "Mend the row.")
    try:
        file.write_text(text.replace(row.text, row.without))
        yield
    finally:
        file.write_bytes(as_it_was)


def _restart(names: str, instance: Instance) -> None:
    processes = {each for name in names.split() for each in platform.named(instance, name)}
    if processes:
        platform.restart(instance, specification_of(instance, processes))
        platform.wait_until_running(instance, processes, START_SECONDS)


def _test(row: Mutation, instance: Instance) -> Verdict:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        node = ROOT / "tests" / "system" / row.test
        command = [sys.executable, "-m", "pytest", str(node), "-x", "-q", f"--junitxml={report}"]
        environment = {**os.environ, "MICROCOMMERCE_PORT_OFFSET": str(instance.offset)}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=TEST_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return NOT_APPLICABLE, f"no end in {TEST_SECONDS} s"
        return verdict(done.returncode, report.read_text() if report.exists() else "")


def verdict(status: int, report: str) -> Verdict:
    """What pytest's exit status and its report (JUnit's XML) say of a row."""
    if status == 0:
        return GREEN, "nothing failed"
    cases = ET.fromstring(report).iter("testcase") if report else ()
    found = [(each.tag, each.get("message", "")) for case in cases for each in case]
    for tag, message in found:
        # An error before the test is no judgement: the platform was not fit for it.
        if status == 1 and (tag == "failure" or (tag == "error" and "on teardown" in message)):
            return RED, _first_line(message)
    return NOT_APPLICABLE, _first_line(found[0][1]) if found else f"pytest ended with {status}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
