"""`manage.py await_migrations`: for what is started beside `migrate`, and must not work before it has ended."""

import logging
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from pymongo.errors import PyMongoError

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0


class Command(BaseCommand):
    """Waits for somebody else to migrate; a database that is ahead of this code is good, too."""

    help = "Return when the database has every migration of this code, however long that takes."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask once a second."""
        waits_for = ""
        while missing := lacks(connection):
            if missing != waits_for:
                logger.info("waiting: %s", missing)
                waits_for = missing
            sleep(EVERY_SECONDS)


def lacks(database: BaseDatabaseWrapper) -> str:
    """What the database lacks, in words; empty when it has every migration."""
    try:
        executor = MigrationExecutor(database)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (Error, PyMongoError) as error:
        database.close()
        return f"the database does not answer: {error}"
    return f"{len(plan)} migrations are not applied, {plan[0][0]} first" if plan else ""
