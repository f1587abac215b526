"""docs/promises.md and the tests hold each other: what it names exists, and no system test is without a promise.

Red when a test is renamed or removed and its promise still leans on it.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = ROOT / "docs" / "promises.md"
ROW = re.compile(r"^\| (?!promise|---)(?P<promise>.+) \| (?P<tests>`tests/.+`) \|$", re.MULTILINE)
NAMED = re.compile(r"`(?P<file>tests/[\w/]+\.py)(?:::(?P<test>\w+))?`")

ROWS = [(row["promise"], NAMED.findall(row["tests"])) for row in ROW.finditer(PROMISES.read_text())]


@cache
def functions_of(path: Path) -> frozenset[str]:
    """The test functions of a file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_")
    )


@pytest.mark.parametrize(("promise", "named"), ROWS, ids=[promise for promise, _ in ROWS])
def test_a_promise_is_held_by_tests_that_exist(promise: str, named: list[tuple[str, str]]) -> None:
    assert named, f"Nothing holds: {promise}"
    for file, test in named:
        assert (ROOT / file).is_file(), f"{promise}: there is no {file}"
        tests = functions_of(ROOT / file)
        assert tests, f"{promise}: {file} has no tests"
        assert not test or test in tests, f"{promise}: {file} has no {test}, but {', '.join(sorted(tests))}"


def test_every_row_of_the_tables_is_read() -> None:
    """A row that is written in another way would be held to nothing."""
    lines = [
        line
        for line in PROMISES.read_text().splitlines()
        if line.startswith("| ") and line != "| promise | held by |"
    ]
    assert len(lines) == len(ROWS)


def test_no_file_of_system_tests_is_without_a_promise() -> None:
    named = {file for _, tests in ROWS for file, _ in tests}
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "system").glob("test_*.py")}
    assert not there - named, "docs/promises.md says nothing of these: name what each of them holds"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    """On every page, not only on that of the promises."""
    named = {file for file, _ in NAMED.findall(page.read_text())}
    assert not {file for file in named if not (ROOT / file).is_file()}
