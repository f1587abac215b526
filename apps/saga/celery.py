"""The Celery application that drives sagas: the muscle, never the truth.

Redis may lose a wake-up: `sweep` finds every saga that waits for one. So a task carries nothing that is not
in PostgreSQL, and running one twice, late or not at all changes nothing but the time it takes.
"""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.saga.settings")

app = Celery("saga")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Read from the app under this very name, without a namespace: left out, each task opens a connection of its own to
# PostgreSQL. A connection is kept until it breaks, which `close_old_connections` looks for as a task begins.
app.conf.CELERY_DB_REUSE_MAX = 10**9
app.autodiscover_tasks(["apps.saga"])


@setup_logging.connect(weak=False)
def log_as_the_service_does(**_: Any) -> None:
    """Leave logging as Django's settings have it: Celery's `--loglevel` would silence the lines of saga steps, too."""
    logging.getLogger("celery").setLevel(logging.WARNING)
