"""A browser for the tests: the machine's own Chromium or Chrome, else Debian's, brought without root.

Debian's package manager brings it into the user's cache with lists of its own, and nothing is installed: the
packages are only unpacked, with those libraries that the machine lacks. What it is for is our own pages.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from launcher.cache import cache_directory, locked
from launcher.errors import LauncherError

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
PACKAGES = ("chromium", "fonts-dejavu-core")  # without any font a page has no letters
WAY_OUT = "Install Chromium or Chrome so that `chromium` or `google-chrome` is on the PATH, and try again."
SECONDS = 600  # for all packages, over a slow line
STARTS_SECONDS = 60

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{root}/fonts-cache</cachedir>
</fontconfig>
"""
STARTER = """#!/bin/sh
export LD_LIBRARY_PATH={libraries} FONTCONFIG_FILE={fonts}
exec {program} "$@"
"""


def chromium() -> str:
    """The path of a browser that starts; raises LauncherError where there is none and none can be brought."""
    on_path = (found for name in NAMES if (found := shutil.which(name)))
    return next((found for found in on_path if _starts(found)), "") or _debians()


def _debians() -> str:
    target = cache_directory() / "chromium"
    program = target / "starter"
    with locked("chromium"):
        if not (program.exists() and _starts(str(program))):
            shutil.rmtree(target, ignore_errors=True)
            _bring(target)
        if not _starts(str(program)):
            raise LauncherError("The Chromium of this machine's package archive does not start.", WAY_OUT)
    return str(program)


def _starts(program: str) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, check=False, timeout=STARTS_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _bring(target: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LauncherError("The tests need a browser, and this machine is no Debian that has one.", WAY_OUT)
    work = target.with_name("chromium.unfinished")
    shutil.rmtree(work, ignore_errors=True)
    for directory in ("lists/partial", "cache/archives/partial", "root"):
        (work / directory).mkdir(parents=True)
    _apt(work, "update")
    _apt(work, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES)
    for package in sorted((work / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(work / "root")])
    _write_starter(work / "root", target)
    (work / "root").rename(target)
    shutil.rmtree(work)


def _apt(work: Path, *arguments: str) -> None:
    options = {
        "Dir::State": work,
        "Dir::State::status": "/var/lib/dpkg/status",  # what is installed need not be brought
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",  # the cache is closed to apt's own user
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": 3,
    }
    told = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    _run(["apt-get", "-q", *told, *arguments])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise LauncherError(f"The browser did not come in {SECONDS} s.", WAY_OUT) from error
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-10:])
        raise LauncherError(f"`{command[0]}` could not bring the browser for the tests:\n{said}", WAY_OUT)


def _write_starter(root: Path, target: Path) -> None:
    """The program that starts the browser of `root` once that is at `target`."""
    places = sorted({library.parent for library in (root / "usr" / "lib").rglob("*.so*")})
    libraries = ":".join(str(target / place.relative_to(root)) for place in places)
    (root / "fonts.conf").write_text(FONTS.format(root=target))
    starter = root / "starter"
    values = {
        "libraries": libraries,
        "fonts": target / "fonts.conf",
        "program": target / "usr" / "lib" / "chromium" / "chromium",
    }
    starter.write_text(STARTER.format_map({name: shlex.quote(str(value)) for name, value in values.items()}))
    starter.chmod(0o755)
