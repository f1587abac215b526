"""Names hold to the glossary, and the check that says so finds what does not."""

from pathlib import Path

import pytest

from launcher.instance import ROOT
from launcher.testing import names

GLOSSARY = """# Glossary

## Not in names

| not | but | allowed in |
|---|---|---|
| let_go | release | |
| ledger | inbox | `apps/stock` |
"""


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"docs/glossary.md": GLOSSARY, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_the_code_holds_to_the_glossary() -> None:
    """Red when a name comes back that the glossary rules out."""
    assert list(names.faults(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("apps/order/x.py", "def let_go(): ..."),
        ("shared/x.py", "class LetGo: ..."),
        ("shared/x.py", "SqlLedger = 1"),
        ("gateway/x.py", "def f(*, _ledger): ..."),
        ("gateway/ledger.py", ""),
    ],
)
def test_a_forbidden_word_is_found(tmp_path: Path, file: str, text: str) -> None:
    """In any case, with any neighbours, in a file's name too. Red without `HUMP`, or without the path's parts."""
    assert len(list(names.faults(tree(tmp_path, {file: text})))) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("apps/order/x.py", "def outlet_good(): ..."),
        ("apps/stock/x.py", "ledger = 1"),
        ("apps/order/x.py", "'the stock ledger'  # a ledger"),
        ("apps/order/migrations/x.py", "ledger = 1"),
    ],
)
def test_nothing_else_is_found(tmp_path: Path, file: str, text: str) -> None:
    """Parts of other words, where it is the right word, and what is no name. Red without `allowed_in`."""
    assert list(names.faults(tree(tmp_path, {file: text}))) == []


def test_a_glossary_without_the_table_stops_the_check() -> None:
    """Red when a check that checks nothing passes."""
    with pytest.raises(ValueError, match="no table"):
        names.rules("# Glossary\n")
