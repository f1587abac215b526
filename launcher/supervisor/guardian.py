"""The supervisor's own parent: when the supervisor is killed, it ends what the supervisor had started."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from launcher.supervisor.daemon import serve
from launcher.supervisor.lock import claim
from launcher.supervisor.spawn import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl

GRACE_SECONDS = 5.0


def guard(directory: Path, *, tied: bool = False) -> int:
    """Run the supervisor of `directory` in a child process, and clean up behind it however it ends.

    A tied one ends with the process that started it: a platform for tests must not outlive them.
    """
    claim(directory)
    if tied:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans come to us, so that none is overlooked
    guardian = os.getpid()
    supervisor = os.fork()
    if supervisor == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guardian:
            return 1
        return serve(directory)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.kill(supervisor, signal.SIGTERM))
    status = _wait_for(supervisor)
    _end_all(psutil.Process())
    return status


def _wait_for(pid: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _end_all(ancestor: psutil.Process) -> None:
    """First what the signal of their parent's death asks of them (see spawn.py); after a grace, by force."""
    until = time.monotonic() + GRACE_SECONDS
    while left := ancestor.children(recursive=True):
        if time.monotonic() > until:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        _reap()
        time.sleep(0.05)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
