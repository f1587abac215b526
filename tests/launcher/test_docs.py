"""What the documents name is there."""

import re
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


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    """Red when a file is renamed and a document goes on naming it."""
    text = document.read_text()
    linked = [document.parent / link for link in LINK.findall(text)]
    named = [ROOT / path for path in FILE.findall(text)]
    assert not [str(path) for path in (*linked, *named) if not path.exists()]
