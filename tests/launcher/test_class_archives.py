"""Archives of Java's classes: made once, used from then on, and never in the way. A real Java makes them."""

import subprocess
from pathlib import Path

import pytest

from launcher import cache, class_archives
from launcher.class_archives import Archive
from launcher.java import java

MEMORY = ("-XX:+UseSerialGC", "-Xmx64m")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Archive("program", (*MEMORY, "-cp", str(tmp_path / "*")), tmp_path / "noted")


def started(archive: Archive, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [java(), *archive.options(), *options, *archive.arguments, "-version"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_first_start_notes_what_it_loads_and_the_next_uses_the_archive(archive: Archive) -> None:
    """Red when `options` names no list, or `make` leaves nothing at `path`."""
    assert not archive.is_due()
    assert started(archive).returncode == 0
    assert archive.is_due()
    assert archive.make()
    assert not archive.is_due()
    assert started(archive, "-Xshare:on").returncode == 0  # refuses to start without it


@pytest.mark.parametrize("broken", ["empty", "cut off", "one byte"])
def test_a_broken_archive_does_not_stop_a_start(archive: Archive, broken: str) -> None:
    """Red without the look at the digest: Java ends with SIGBUS where a page is missing."""
    started(archive)
    assert archive.make()
    content = bytearray(archive.path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.path.unlink()
    archive.path.write_bytes(bytes({"empty": b"", "cut off": content[:100_000], "one byte": content}[broken]))
    assert started(archive).returncode == 0
    assert archive.is_due()  # the next stop makes it anew
    assert archive.make()
    assert started(archive, "-Xshare:on").returncode == 0


def test_an_archive_without_its_digest_is_not_used(archive: Archive) -> None:
    started(archive)
    assert archive.make()
    archive.path.with_suffix(".sha256").unlink()
    assert not any("SharedArchiveFile" in option for option in archive.options())


def test_what_cannot_be_made_is_not_tried_at_every_stop(archive: Archive) -> None:
    """Red when `make` keeps the list that it failed with."""
    archive.noted.write_text("this is no class\0\n" * 3)
    assert not Archive(archive.name, (*archive.arguments, "-XX:+NoSuchOption"), archive.noted).make()
    assert not archive.is_due()
    assert not list(cache.cache_directory().glob("*.unfinished"))


def test_one_that_takes_too_long_is_left(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    started(archive)
    monkeypatch.setattr(class_archives, "MAKE_SECONDS", 0.05)
    assert not archive.make()
    assert not archive.path.exists()


def test_another_way_to_start_the_program_is_another_archive(archive: Archive) -> None:
    assert Archive("program", (*archive.arguments, "-Xmx65m"), archive.noted).path != archive.path
