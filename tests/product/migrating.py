"""Migrates the product service and is killed on the way: `python -m tests.product.migrating COMMANDS`.

It dies after so many commands that create something; with more than there are it comes to its end.
"""

import os
import signal
import sys

import django
import pymongo.monitoring
from django.core.management import call_command

CREATING = {"create", "createIndexes"}


class Executioner(pymongo.monitoring.CommandListener):
    """Counts what was created."""

    def __init__(self, left: int) -> None:
        self._left = left

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        """Nothing has happened yet."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Nothing was created."""

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """MongoDB has done it; this process may not learn of it."""
        self._left -= event.command_name in CREATING
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    pymongo.monitoring.register(Executioner(int(sys.argv[1])))
    django.setup()
    call_command("migrate", verbosity=0)
