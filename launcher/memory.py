"""How much memory a process and everything it started really take."""

import contextlib
from collections.abc import Iterable

import psutil


def memory_by_group(pids: Iterable[int]) -> dict[int, int]:
    """Bytes for each pid and its descendants; pages that several processes share are counted in parts (PSS)."""
    return {pid: _of_tree(pid) for pid in pids}


def _of_tree(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return sum(_of_one(each) for each in (process, *process.children(recursive=True)))
    return 0


def _of_one(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
