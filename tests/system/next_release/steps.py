"""What the made-up migrations share: what they stand on, and filling a new column without holding anybody up."""

import pkgutil
from importlib import import_module
from typing import Any

from django.db import transaction

BATCH = 50


def today(owner: str) -> tuple[str, str]:
    """The last of the service's own migrations."""
    package = import_module(f"apps.{owner}.migrations")
    return owner, max(module.name for module in pkgutil.iter_modules(package.__path__))


def fill(model: Any, **value: str) -> None:
    """Give every row without it this value: a few rows at a time, and never one that somebody else has locked."""
    (column,) = value
    empty = model.objects.filter(**{f"{column}__isnull": True}).order_by("pk")
    while empty.exists():
        with transaction.atomic():
            some = list(empty.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
            model.objects.filter(pk__in=some).update(**value)
