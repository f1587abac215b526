"""Java's classes, read and checked once for this machine: a Java program that maps them starts in half the time.

A program's first start writes down which classes it loads (`options`), `down` makes an archive of them (`make`), and the
starts after that use it. Java itself refuses one of another Java and reads the classes instead; one that is cut off or was
changed would end it, so each start looks at the digest first (0.1 s), and throws away what is not as it was made.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from launcher.cache import cache_directory, locked
from launcher.java import java

MAKE_SECONDS = 120


@dataclass(frozen=True)
class Archive:
    """The classes of one program: `arguments` are its memory and its class path, as it is started with them."""

    name: str
    arguments: tuple[str, ...]
    noted: Path  # where a start without an archive writes down what it loads

    @property
    def path(self) -> Path:
        """In the user's cache, named after everything that it depends on."""
        runtime = Path(os.path.realpath(java()))
        stat = runtime.stat()
        recipe = " ".join((str(runtime), str(stat.st_mtime_ns), str(stat.st_size), *self.arguments))
        return cache_directory() / f"{self.name}-classes-{sha256(recipe.encode()).hexdigest()[:12]}.jsa"

    def options(self) -> tuple[str, ...]:
        """What the program is started with."""
        if self._is_whole():
            return (f"-XX:SharedArchiveFile={self.path}",)
        self.path.unlink(missing_ok=True)
        return (f"-XX:DumpLoadedClassList={self.noted}",)

    def is_due(self) -> bool:
        """Whether there is none, and what would be in it is known."""
        return not self.path.exists() and self.noted.exists() and self.noted.stat().st_size > 0

    def make(self) -> bool:
        """Whether it was made. It takes some seconds of both cores; broken off, it leaves nothing behind."""
        with locked(self.name + "-classes"):
            if not self.is_due():
                return False
            unfinished = self.path.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            done = _runs(
                [
                    java(), "-Xshare:dump", f"-XX:SharedClassListFile={self.noted}",
                    f"-XX:SharedArchiveFile={unfinished}", *self.arguments,
                ]
            ) and _runs([java(), "-Xshare:on", f"-XX:SharedArchiveFile={unfinished}", *self.arguments, "-version"])  # fmt: skip
            self.noted.unlink(missing_ok=True)  # what made none would make none the next time either
            if done:
                self._seal.write_text(_digest(unfinished))
                unfinished.rename(self.path)
            unfinished.unlink(missing_ok=True)
            return done

    @property
    def _seal(self) -> Path:
        return self.path.with_suffix(".sha256")

    def _is_whole(self) -> bool:
        try:
            return _digest(self.path) == self._seal.read_text()
        except OSError:
            return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _runs(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=MAKE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
