"""Downloads: resumed where they broke, checked against the lock, refused when they are something else."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from launcher import artifacts
from launcher.errors import LauncherError

CONTENT = bytes(range(256)) * 4096


class Repository(BaseHTTPRequestHandler):
    """A Maven repository with one file, whose line breaks `broken` times."""

    broken = 0
    asked: list[str]

    def do_GET(self) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        type(self).asked.append(f"{self.path} {start}")
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        if type(self).broken:
            type(self).broken -= 1
            self.wfile.write(CONTENT[start : start + 300_000])
            self.close_connection = True
        else:
            self.wfile.write(CONTENT[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def served(broken: int) -> Iterator[tuple[str, type[Repository]]]:
    handler = type("Once", (Repository,), {"broken": broken, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


@pytest.fixture
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Repository]]:
    """A user's own jgo configuration names the repository: the way in which a mirror is set."""
    with served(getattr(request, "param", 0)) as (url, handler):
        configuration = tmp_path / "jgo.conf"
        configuration.write_text(f"[repositories]\nours = {url}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(artifacts, "LOCK", tmp_path / "artifacts.json")
        monkeypatch.setattr(artifacts, "ATTEMPTS", 3)
        write_lock(tmp_path, hashlib.sha256(CONTENT).hexdigest())
        yield handler


def write_lock(directory: Path, digest: str) -> None:
    entry = (
        f'{{"group":"org.example","artifact":"thing","version":"1","packaging":"jar","sha256":"{digest}"}}'
    )
    (directory / "artifacts.json").write_text(f'{{"kafka": [{entry}]}}')


def test_a_file_comes_once(repository: type[Repository]) -> None:
    first = artifacts.fetch("kafka")
    assert (first / "thing-1.jar").read_bytes() == CONTENT
    assert artifacts.fetch("kafka") == first
    assert repository.asked == ["/org/example/thing/1/thing-1.jar 0"]


@pytest.mark.parametrize("repository", [2], indirect=True)
def test_a_broken_download_goes_on_where_it_stopped(repository: type[Repository]) -> None:
    assert (artifacts.fetch("kafka") / "thing-1.jar").read_bytes() == CONTENT
    starts = [int(line.split()[1]) for line in repository.asked]
    assert starts[0] == 0
    assert starts == sorted(set(starts))


def test_another_content_is_refused(repository: type[Repository], tmp_path: Path) -> None:
    write_lock(tmp_path, "0" * 64)
    with pytest.raises(LauncherError, match=r"is not thing-1\.jar"):
        artifacts.fetch("kafka")
    assert not list((tmp_path / "cache").rglob("thing-1.jar"))


def test_the_lock_pins_every_file_of_kafka_and_keycloak() -> None:
    locked = [*artifacts.locked_artifacts("kafka"), *artifacts.locked_artifacts("keycloak")]
    assert all(len(each.sha256) == 64 for each in locked)
    names = {f"{each.group}:{each.artifact}:{each.version}" for each in locked}
    assert {artifacts.KAFKA, artifacts.KEYCLOAK} < names
    assert any(name.startswith(artifacts.LOG4J_BINDING) for name in names)
