"""Names in the code against the glossary: `python -m launcher.testing.names` refuses the words that it rules out."""

import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.instance import ROOT

GLOSSARY = Path("docs") / "glossary.md"
SECTION = "## Not in names"
CHECKED = ("apps", "gateway", "shared")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Rule:
    """A word that no name contains, what to say instead, and the folder where it is right."""

    word: str
    instead: str
    allowed_in: str = ""

    def forbids(self, name: str, path: str) -> bool:
        """Whether `name`, in the file at `path`, contains the word."""
        if self.allowed_in and path.startswith(f"{self.allowed_in}/"):
            return False
        return f"_{self.word}_" in f"_{HUMP.sub('_', name).lower().strip('_')}_"


def rules(glossary: str) -> list[Rule]:
    """The table of the glossary's last section. Raises ValueError where it is not there."""
    _, found, section = glossary.partition(SECTION)
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    if not found or len(rows) < 3:  # noqa: PLR2004 - the heading, the line below it, and a row
        raise ValueError(f"{GLOSSARY} has no table under {SECTION!r}.")
    return [Rule(*row) for row in rows[2:]]


def faults(root: Path) -> Iterator[str]:
    """Each name below `root` that a rule forbids, once a file."""
    forbidden = rules((root / GLOSSARY).read_text(encoding="utf-8"))
    for file in sorted(path for folder in CHECKED for path in (root / folder).rglob("*.py")):
        path = file.relative_to(root).as_posix()
        if "/migrations/" in path:
            continue
        for name in sorted({*_names(file), *file.relative_to(root).with_suffix("").parts}):
            for rule in forbidden:
                if rule.forbids(name, path):
                    yield f"{path}: {name}: not \u201c{rule.word}\u201d but {rule.instead} (docs/glossary.md)"


def _names(file: Path) -> Iterator[str]:
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.NAME:
                yield token.string


def main(root: Path = ROOT) -> int:
    """Print what is wrong; 1 where something is."""
    found = list(faults(root))
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
