"""What the documents name is there."""

import re
from functools import cache
from pathlib import Path

import pytest

from launcher.instance import ROOT

DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")],
    key=lambda file: file.as_posix(),
)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FILE = re.compile(
    r"`((?:apps|benchmarks|docs|examples|gateway|infrastructure|launcher|requirements|shared|tests)/[\w./-]+)`"
)

EXAMPLE = "review"  # the service that docs/adding-a-service.md adds

# How-tos name functions, tables and settings of the code: those that follow are examples' own.
HOW_TO = [file for file in DOCUMENTS if file.name.startswith("adding-a-")]
NAMED = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`")
EXAMPLES = {"brand", EXAMPLE}
SOURCES = ("apps", "gateway", "launcher", "shared", "tests")


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    """Red when a file is renamed and a document goes on naming it."""
    text = document.read_text()
    linked = [document.parent / link for link in LINK.findall(text)]
    named = [ROOT / path for path in FILE.findall(text) if EXAMPLE not in Path(path).parts]
    assert not [str(path) for path in (*linked, *named) if not path.exists()]


@cache
def words() -> set[str]:
    """Every word of the code, and the names of its files."""
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    return {word for file in files for word in re.findall(r"\w+", file.read_text())} | {"py"}


@pytest.mark.parametrize("document", HOW_TO, ids=name)
def test_every_name_that_a_how_to_uses_is_in_the_code(document: Path) -> None:
    """Red when a table or a class is renamed, and who follows the document looks for the old one."""
    parts = {part for named in NAMED.findall(document.read_text()) for part in named.split(".")}
    assert parts - EXAMPLES - words() == set()
