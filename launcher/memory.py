"""How much memory a process and everything it started really take."""

import contextlib
from collections.abc import Iterable

import psutil

from launcher.families import family


def memory_by_group(pids: Iterable[int], *, children: bool = True) -> dict[int, int]:
    """Bytes for each pid, with its descendants; pages that several processes share are counted in parts (PSS)."""
    return {pid: sum(map(_of_one, family(pid)[: None if children else 1])) for pid in pids}


def _of_one(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
