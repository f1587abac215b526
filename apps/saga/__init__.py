"""The saga service. `celery -A apps.saga` finds the Celery application here."""

from apps.saga.celery import app as celery

__all__ = ["celery"]
