"""Start one process so that nothing of it can outlive the supervisor.

The supervisor is single-threaded, so that plain fork is safe, and the signal of a dying parent means the
supervisor (Linux sends it when the forking thread ends).
"""

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from launcher.supervisor.specification import RunAs, Specification

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set a property of this process (prctl(2) of Linux); raises OSError."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def spawn(specification: Specification, stdin: int | None = None) -> int:
    """Start it in a session of its own, output to its log; its pid. A command that is not there exits 127.

    `stdin` is a descriptor that becomes its standard input, which else is empty.
    """
    parent = os.getpid()
    # A signal between fork and exec must not run the supervisor's own handler in the child.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _forget_handlers()
            _become(specification, parent, stdin)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    return pid


def _forget_handlers() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _become(specification: Specification, parent: int, stdin: int | None) -> NoReturn:
    try:
        settle(specification, parent, stdin)
        os.closerange(3, 1024)
        os.execvpe(specification.command[0], specification.command, dict(specification.environment))
    except OSError:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(127)


def settle(specification: Specification, parent: int, stdin: int | None = None) -> None:
    """Make this process, a child of `parent`, one that the supervisor can end and whose output goes to its log."""
    os.setsid()
    _redirect(Path(specification.log), stdin)
    if specification.run_as:
        _drop_privileges(specification.run_as)
    # After the change of user, which would forget it.
    prctl(PR_SET_PDEATHSIG, specification.stop_signal)
    if os.getppid() != parent:
        os._exit(1)
    os.chdir(specification.directory)


def _redirect(log: Path, stdin: int | None) -> None:
    # Append mode, so that the log can be cut while the process goes on writing.
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    source = os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin
    for each, target in ((source, 0), (output, 1), (output, 2)):
        os.dup2(each, target)
    os.close(output)
    if source != stdin:
        os.close(source)


def _drop_privileges(user: RunAs) -> None:
    os.setgroups([])
    os.setgid(user.gid)
    os.setuid(user.uid)
