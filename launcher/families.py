"""A process and everything it has started: a server's workers, a database's back ends."""

import contextlib
from collections.abc import Iterable, Iterator

import psutil


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, itself first; nothing where it has ended."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


@contextlib.contextmanager
def standing_still(pids: Iterable[int]) -> Iterator[None]:
    """SIGSTOP for the families of `pids`, SIGCONT at the end for those who are still there."""
    stopped: list[psutil.Process] = []
    try:
        for pid in pids:
            for each in family(pid):
                with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                    each.suspend()
                    stopped.append(each)
        yield
    finally:
        for each in stopped:
            with contextlib.suppress(psutil.Error):  # as above, or its number is another's now
                each.resume()
