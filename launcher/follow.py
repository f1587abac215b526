"""Show a log, and go on as it grows."""

import sys
import time

from launcher import platform
from launcher.errors import LauncherError
from launcher.instance import Instance

INTERVAL_SECONDS = 0.3


def show(instance: Instance, name: str, *, lines: int, follow: bool) -> None:
    """Print the last lines of the log, and, if asked, everything that comes until Ctrl-C."""
    log = instance.logs / f"{name}.log"
    if not log.exists():
        known = ", ".join(sorted(path.stem for path in instance.logs.glob("*.log"))) or "none yet"
        raise LauncherError(f"There is no log of {name}.", f"There are: {known}.")
    sys.stdout.write(platform.last_lines(log, lines) + "\n")
    place = log.stat().st_size
    while follow:
        size = log.stat().st_size
        if size < place:  # it was cut
            place = 0
        with log.open(errors="replace") as stream:
            stream.seek(place)
            sys.stdout.write(stream.read())
            place = stream.tell()
        sys.stdout.flush()
        time.sleep(INTERVAL_SECONDS)
