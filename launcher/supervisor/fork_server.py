"""A Python that has imported what many processes import, and forks each of them: they share those pages of memory.

Half of it is in the supervisor: `ForkServer`. The other half is a program, `python -m launcher.supervisor.fork_server MODULE…`,
whose standard input is the socket between the two. A request is a specification, the answer the pid of the process, which
is the supervisor's own child: whoever forked it has ended at once, and orphans fall to the supervisor.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from launcher.supervisor.spawn import settle, spawn
from launcher.supervisor.specification import Specification

READY_SECONDS = 60.0  # imports take a second; more on a busy machine
FORK_SECONDS = 5.0  # the supervisor waits for it, and does nothing else meanwhile
LARGEST_REQUEST = 1 << 17
READY = b"ready"


class ForkServerError(Exception):
    """It does not do what it is for: the process can still be started as a program."""


class ForkServer:
    """The supervisor's half: a running program, and what it is asked for."""

    def __init__(self, specification: Specification) -> None:
        """Start it; raises OSError. It imports for a while: `fork` waits for that."""
        self.specification = specification
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.pid = spawn(specification, stdin=theirs.fileno())
        self._control.setblocking(False)
        self._ready = asyncio.ensure_future(
            asyncio.get_running_loop().sock_recv(self._control, LARGEST_REQUEST)
        )

    async def fork(self, specification: Specification) -> int:
        """The pid of a new process of this specification; raises ForkServerError.

        From the request to the return nothing else runs in the supervisor: nobody takes the child for a stray before its
        pid is known.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                if await asyncio.shield(self._ready) != READY:
                    raise ForkServerError("it ended while it imported")
            self._control.settimeout(FORK_SECONDS)
            self._control.sendall(json.dumps(replace(specification, fork_server=None).to_json()).encode())
            return int(self._control.recv(LARGEST_REQUEST))
        except (OSError, TimeoutError, ValueError) as error:
            raise ForkServerError(repr(error)) from error

    def end(self) -> None:
        """Kill it; those it bore live on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._ready.add_done_callback(self._close)  # who waits for it hears of the end

    def _close(self, ready: "asyncio.Future[bytes]") -> None:
        ready.cancelled() or ready.exception()
        self._control.close()


def _import(names: Sequence[str]) -> None:
    """What cannot be imported is left to the processes themselves: they say better what is wrong."""
    gc.disable()
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - whatever it is
            traceback.print_exc()
    # A collector that looks at an object writes to its page, and a page that was written to is shared no longer.
    gc.collect()
    gc.freeze()
    gc.enable()


def _serve(control: socket.socket) -> tuple[Specification, int]:
    """Fork what is asked for, until the supervisor ends. Returns in each child, with the pid of its parent to be."""
    supervisor = os.getppid()
    control.send(READY)
    while request := control.recv(LARGEST_REQUEST):
        specification = Specification.from_json(json.loads(request))
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child == 0:
                return specification, supervisor
            control.send(str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)
    sys.exit()


def _await_parent(supervisor: int) -> None:
    until = time.monotonic() + FORK_SECONDS
    while os.getppid() != supervisor and time.monotonic() < until:
        time.sleep(0.001)


def _entitle(command: Sequence[str]) -> None:
    """Let `ps` show this command in the place of the fork server's own, as far as that had room."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])  # arg_start and arg_end of proc(5)
        # A last byte that is not zero tells the kernel that this is a title, which ends at its first zero.
        title = " ".join(command).encode()[: end - begin - 2].ljust(end - begin - 1, b"\0") + b"."
        ctypes.memmove(begin, title, len(title))


def _run(specification: Specification) -> Any:
    """Be `python -m MODULE …` or `python SCRIPT …`."""
    _, *arguments = specification.command
    if arguments[0] == "-m":
        sys.argv, sys.path[0] = arguments[1:], specification.directory
        return runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    sys.argv, sys.path[0] = arguments, str(Path(arguments[0]).resolve().parent)
    return runpy.run_path(arguments[0], run_name="__main__")


def main() -> None:
    """Serve; in each child, become what was asked for, whose end is then that of an ordinary program."""
    control = socket.socket(fileno=os.dup(0))
    _import(sys.argv[1:])
    specification, supervisor = _serve(control)
    control.close()
    _await_parent(supervisor)
    settle(specification, supervisor)
    os.environ.clear()
    os.environ.update(specification.environment)
    _entitle(specification.command)
    _run(specification)


if __name__ == "__main__":
    main()
