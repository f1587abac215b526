"""The files that are made of what the code says, the contract and whatever lists services: made, written, compared."""

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any

from launcher.contract import compose, configuration, databases, http, messages, tables
from launcher.contract.configuration import CONFIGURATION
from launcher.contract.parts import Part, all_parts
from launcher.errors import LauncherError
from launcher.instance import ROOT
from launcher.k8s import lists, topics

COMMAND = "python manage_all.py schema"
OPENAPI = ROOT / "gateway" / "openapi.json"
ASYNCAPI = ROOT / "docs" / "asyncapi.json"
MOST = 1024 * 1024  # bytes: documents that people read and a gateway keeps in memory
SHOWN = 40  # lines of a difference

Json = dict[str, Any]
Document = Json | str


def made(parts: Mapping[str, Part]) -> dict[Path, Document]:
    """What the files should hold; raises LauncherError where the code contradicts itself."""
    return {
        OPENAPI: http.document(parts),
        ASYNCAPI: messages.document(parts),
        CONFIGURATION: configuration.document(parts),
        compose.COMPOSE: compose.document(),
        databases.DATABASES: databases.document(),
        **tables.documents(),
        **lists.documents(),
        topics.FILE: topics.text(),
    }


def write() -> list[Path]:
    """Bring the files up to date; those that changed."""
    changed = []
    for path, document in made(all_parts()).items():
        text = text_of(document)
        if len(text.encode()) > MOST:
            raise LauncherError(f"{path.name} would be larger than {MOST} bytes.", "Say less.")
        if _old(path) != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def differences(documents: Mapping[Path, Document]) -> Iterator[str]:
    """Where the files do not hold `documents`, and what to do."""
    for path, document in documents.items():
        old, new = _old(path), text_of(document)
        if old != new:
            lines = unified_diff(old.splitlines(), new.splitlines(), "the file", "the code", n=1, lineterm="")
            yield "\n".join(islice(lines, SHOWN))
            yield f"{path.relative_to(ROOT)} is not what the code says. Run `{COMMAND}` and commit the file."


def text_of(document: Document) -> str:
    """A document as its file holds it."""
    if isinstance(document, str):
        return document
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _old(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
