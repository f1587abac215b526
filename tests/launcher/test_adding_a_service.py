"""docs/adding-a-service.md does what it says: an eighth service is one folder and one row, and is a part of everything.

Its blocks are carried out in a copy of the checkout, which then has a platform of its own.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from launcher.instance import ROOT

DOCUMENT = ROOT / "docs" / "adding-a-service.md"
FILE = re.compile(r"`(apps/review/[\w.]+)`")
# Between the ports of the platform under test and those of the one before.
OFFSET = abs(int(os.environ.get("MICROCOMMERCE_PORT_OFFSET", "0")) - 500)
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", ".microcommerce", ".*cache", "__pycache__", "tests", "benchmarks"
)
SECONDS = 300


class Checkout:
    """A copy of the checkout, in which commands are run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT, symlinks=True)
        (root / ".venv").symlink_to(ROOT / ".venv")
        self.python = root / ".venv" / "bin" / "python"
        self.before = self.files()

    def run(self, *command: str, fails: bool = False) -> str:
        """What a command of the shell says; it must succeed, or fail."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MICROCOMMERCE_", "COV", "DJANGO_"))
        }
        done = subprocess.run(
            command,
            cwd=self.root,
            env=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """What `manage_all.py` says."""
        return self.run(str(self.python), "manage_all.py", *arguments, fails=fails)

    def files(self) -> dict[str, bytes]:
        """Every file that is the project's own."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
            and not {".venv", ".microcommerce", "__pycache__"} & set(path.relative_to(self.root).parts)
        }

    def changed(self) -> set[str]:
        """The files that are new, or not what they were."""
        return {name for name, text in self.files().items() if self.before.get(name) != text}


def blocks() -> Iterator[tuple[str, str, str]]:
    """Each block of the document: of which kind, for which file, and its text."""
    section = ""
    for part in re.split(r"^```", DOCUMENT.read_text(), flags=re.MULTILINE):
        kind, _, text = part.partition("\n")
        if section and kind in ("sh", "python", "route"):
            named = FILE.findall(section)
            yield kind, named[-1] if named else "", text
        section = part


def carry_out(checkout: Checkout) -> None:
    """What the document tells to write and to run, up to where the platform is started."""
    for kind, file, text in blocks():
        if kind == "python":
            (checkout.root / file).write_text(text)
        elif kind == "route":
            routes = checkout.root / "gateway" / "routes.py"
            routes.write_text(routes.read_text().replace("ROUTES = (\n", f"ROUTES = (\n{text}"))
        elif "manage_all.py" not in text:
            checkout.run("sh", "-ec", text)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy with the eighth service."""
    found = Checkout(tmp_path_factory.mktemp("eighth") / "checkout")
    carry_out(found)
    yield found
    found.manage("reset", "--yes", "--port-offset", str(OFFSET))


@pytest.fixture(scope="module")
def running(checkout: Checkout) -> Checkout:
    """Its platform, as far as the new service needs it."""
    checkout.manage("up", "--only", "gateway,review", "--port-offset", str(OFFSET))
    return checkout


def test_it_is_one_folder_and_one_row(checkout: Checkout) -> None:
    """Red when a list somewhere else has to be told of a service."""
    written = {name for name in checkout.changed() if not name.startswith("apps/review/")}
    assert written == {"gateway/routes.py"}


def test_it_is_healthy_and_answers_through_the_gateway(running: Checkout) -> None:
    # It exits with 3: the services that nobody started are in its table, too.
    states = json.loads(running.manage("status", "--json", "--port-offset", str(OFFSET), fails=True))
    found: dict[str, Any] = {each["name"]: each for each in states["processes"]}
    assert found["review-api"]["state"] == "running"
    reviews = f"http://localhost:{8000 + OFFSET}/api/reviews/"
    assert httpx.get(reviews).status_code == 401
    headers = {"Authorization": f"Bearer {token()}"}
    said = {"product_id": "0" * 24, "text": "As described."}
    made = httpx.post(reviews, json=said, headers=headers)
    assert made.status_code == 201, made.text
    assert httpx.get(reviews, headers=headers).json()["results"] == [made.json()]
    health = httpx.get(f"http://localhost:{8000 + OFFSET}/health").json()
    assert health["services"]["review"]["status"] == "ok", health


def token() -> str:
    """alice's."""
    asked = {
        "grant_type": "password",
        "client_id": "microcommerce-cli",
        "username": "alice",
        "password": "alice",
    }
    address = f"http://localhost:{8080 + OFFSET}/realms/microcommerce/protocol/openid-connect/token"
    return str(httpx.post(address, data=asked).json()["access_token"])


def test_the_made_files_have_it(checkout: Checkout) -> None:
    """Red when `schema` forgets one: then Docker, or a reader, knows another platform than the launcher."""
    checkout.manage("schema")
    containers = yaml.safe_load((checkout.root / "compose.yaml").read_text())["services"]
    assert {"review-api", "review-migrate"} <= containers.keys()
    assert (
        '"review": "http://review-api:8007"'
        in containers["gateway"]["environment"]["MICROCOMMERCE_UPSTREAMS"]
    )
    assert 'CREATE DATABASE "review"' in (checkout.root / "infrastructure/postgres/databases.sql").read_text()
    assert "| `review` | 8007 | PostgreSQL | api |" in (checkout.root / "docs/architecture.md").read_text()
    assert "/api/reviews/" in json.loads((checkout.root / "gateway/openapi.json").read_text())["paths"]
    checkout.run(str(checkout.python), "-m", "launcher.contract", "check")
    checkout.run(str(checkout.root / ".venv" / "bin" / "lint-imports"))


def test_a_misspelt_declaration_stops_the_start(checkout: Checkout) -> None:
    """Red when a wrong word is a traceback, or nothing at all."""
    declaration = checkout.root / "apps" / "review" / "service.py"
    good = declaration.read_text()
    try:
        declaration.write_text(good.replace('database="postgres"', 'database="postgress"'))
        said = checkout.manage("status", "--port-offset", str(OFFSET), fails=True)
    finally:
        declaration.write_text(good)
    assert "apps/review/service.py cannot be read" in said
    assert "did you mean 'postgres'?" in said
    assert "Traceback" not in said
