"""A folder of files that are whole or not there: Django's own storage, written so that a crash leaves no half of one."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage

UNFINISHED = ".part"  # what the name of a file ends in that is being written


class MediaFolder(FileSystemStorage):
    """Replaces a file in one step, and returns when it is on the disk: a transaction that names it may follow."""

    def __init__(self, location: str) -> None:
        super().__init__(location, allow_overwrite=True)

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=UNFINISHED, delete=False) as file:
            try:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _flush(target.parent)
        return name


def _flush(directory: Path) -> None:
    """The names in it, too, are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
