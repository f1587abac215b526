"""Trees of files: copied, written through to the disk, and told from damaged ones later."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from launcher.errors import LauncherError

TRIES = 5
PAUSE_SECONDS = 0.5
Manifest = Mapping[str, tuple[int, str]]  # path below the directory -> bytes, SHA-256


def copy_tree(source: Path, target: Path, left_out: tuple[str, ...] = (), *, may_go: bool = False) -> None:
    """The tree below `source`. A file that goes meanwhile is a failure unless the store may do without it."""
    target.mkdir(mode=0o700)
    ignored = shutil.ignore_patterns(*left_out)
    entries = list(source.iterdir())
    without = ignored(str(source), [entry.name for entry in entries])
    for entry in entries:
        if entry.name in without:
            continue
        with contextlib.suppress(*((FileNotFoundError,) if may_go else ())):
            if entry.is_dir():
                copy_tree(entry, target / entry.name, left_out, may_go=may_go)
            else:
                shutil.copy2(entry, target / entry.name)


def copy_steady(source: Path, target: Path, left_out: tuple[str, ...] = ()) -> None:
    """The same for a store that puts one file in the place of another: again, until none came or went meanwhile."""
    for _ in range(TRIES):
        before = _names(source)
        copy_tree(source, target, left_out, may_go=True)
        if _names(source) == before:
            return
        shutil.rmtree(target)
        time.sleep(PAUSE_SECONDS)
    raise LauncherError(f"The files below {source} do not stand still.", "Take the backup again.")


def copy_missing(source: Path, target: Path) -> None:
    """What `target` has not got yet, of a tree whose files are never changed."""
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            if not (place / name).exists():
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy2(Path(folder, name), place / name)


def _names(directory: Path) -> set[Path]:
    return {Path(folder, name) for folder, _, names in os.walk(directory) for name in names}


def flush(directory: Path) -> None:
    """On the disk, and not only on its way there: files, and the names by which they are found."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def manifest(directory: Path) -> dict[str, tuple[int, str]]:
    """Every file below `directory`, with its size and its digest."""
    return {
        str(path.relative_to(directory)): (path.stat().st_size, _digest(path))
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def differences(directory: Path, wanted: Manifest) -> Iterator[str]:
    """What is not as the manifest says, in words."""
    for name, (size, digest) in wanted.items():
        path = directory / name
        if not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size != size:
            yield f"{name} has {path.stat().st_size} of {size} bytes"
        elif _digest(path) != digest:
            yield f"{name} was changed"
