"""Where the browser for the tests comes from, and what is said where there is none."""

from pathlib import Path

import pytest

from launcher import browser
from launcher.errors import LauncherError


def program(directory: Path, name: str, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing on the PATH, nothing in the cache; what is put into the directory is found."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "bin"


def test_the_machines_own_browser_is_taken_if_it_starts(bare_machine: Path) -> None:
    """Red when a name is not looked for, or a stub that only tells people what to install is taken for a browser."""
    program(bare_machine, "chromium", "exit 1")
    works = program(bare_machine, "google-chrome", "exit 0")
    assert browser.chromium() == str(works)


def test_without_a_browser_and_without_apt_the_way_out_is_named() -> None:
    """Red when the failure is a traceback, or says nothing of what to do."""
    with pytest.raises(LauncherError, match=r"no Debian") as caught:
        browser.chromium()
    assert "`google-chrome` is on the PATH" in caught.value.way_out


def test_what_the_package_manager_says_is_passed_on(bare_machine: Path) -> None:
    """Red when a mirror that cannot be reached looks like any other failure, or leaves half a browser behind."""
    program(bare_machine, "apt-get", "echo 'E: Failed to fetch the list'; exit 100")
    program(bare_machine, "dpkg-deb", "exit 0")
    with pytest.raises(LauncherError, match="Failed to fetch the list"):
        browser.chromium()


def test_what_was_brought_starts_from_the_cache_and_is_brought_once(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when its libraries are not found, or it is brought for each run."""
    brought = []

    def bring(work: Path, *arguments: str) -> None:
        if arguments[0] == "install":
            brought.append(arguments)
            (work / "cache" / "archives" / "chromium.deb").touch()

    def unpack(command: list[str]) -> None:
        root = Path(command[-1])
        (root / "usr/lib/machine").mkdir(parents=True)
        (root / "usr/lib/machine/libpart.so.1").touch()
        program(root / "usr/lib/chromium", "chromium", 'test -f "${LD_LIBRARY_PATH##*:}/libpart.so.1"')

    program(bare_machine, "apt-get", "exit 1")
    program(bare_machine, "dpkg-deb", "exit 1")
    (bare_machine / "test").symlink_to("/usr/bin/test")
    monkeypatch.setattr(browser, "_apt", bring)
    monkeypatch.setattr(browser, "_run", unpack)
    first = browser.chromium()
    assert first == browser.chromium() == str(tmp_path / "cache/microcommerce/chromium/starter")
    assert len(brought) == 1
