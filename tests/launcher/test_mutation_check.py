"""The table of protections cannot rot, and whoever takes one away puts it back."""

import ast
import re
from pathlib import Path

import pytest

from launcher import platform
from launcher.instance import ROOT, Instance
from tests import mutation_check
from tests.mutations import MUTATIONS, Mutation


@pytest.mark.parametrize("row", MUTATIONS, ids=str)
def test_a_row_is_true_of_the_code(row: Mutation) -> None:
    """Red when a protection was reworded, or a test or a process renamed, and the table was not."""
    source = (ROOT / row.file).read_text()
    assert source.count(row.text) == 1
    without = source.replace(row.text, row.without)
    assert without != source
    if row.file.endswith(".py"):
        ast.parse(without)
    file, *_, test = row.test.partition("[")[0].split("::")
    assert re.search(rf"^ *def {test}\(", (ROOT / "tests" / "system" / file).read_text(), re.MULTILINE)
    assert all(platform.named(Instance(), name) for name in row.restart.split())


def test_the_file_is_put_back_whatever_happens(tmp_path: Path) -> None:
    """Red without `finally` in `mutation_check.mutated`."""
    file = tmp_path / "guard.py"
    file.write_text("a = 1\nb = 2\n")
    meanwhile = []

    def interrupted() -> None:
        with mutation_check.mutated(Mutation("", "", "guard.py", "a = 1\n"), tmp_path):
            meanwhile.append(file.read_text())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert meanwhile == ["b = 2\n"]
    assert file.read_text() == "a = 1\nb = 2\n"


@pytest.mark.parametrize("text", ["a = 3", "= 1"])
def test_what_does_not_stand_there_once_is_not_taken_away(tmp_path: Path, text: str) -> None:
    """Red without the count in `mutation_check.mutated`."""
    (tmp_path / "guard.py").write_text("a = 1\nb = 1\n")
    with (
        pytest.raises(mutation_check.NotOnce),
        mutation_check.mutated(Mutation("", "", "guard.py", text), tmp_path),
    ):
        pytest.fail("it was taken away")


@pytest.mark.parametrize(
    ("status", "case", "outcome"),
    [
        (0, "", mutation_check.GREEN),
        (1, '<failure message="assert 200 == 412"/>', mutation_check.RED),
        (1, """<error message='failed on teardown with "changed"'/>""", mutation_check.RED),
        (1, """<error message='failed on setup with "no platform"'/>""", mutation_check.NOT_APPLICABLE),
        (2, '<error message="collection failure"/>', mutation_check.NOT_APPLICABLE),
        (4, "", mutation_check.NOT_APPLICABLE),
    ],
)
def test_only_a_test_that_failed_is_red(status: int, case: str, outcome: str) -> None:
    """Red when a platform that is not fit, or a test that is not found, counts as a protection that was missed."""
    assert (
        mutation_check.verdict(status, f"<testsuites><testcase>{case}</testcase></testsuites>")[0] == outcome
    )
