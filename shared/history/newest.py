"""The newest changes of some, read from an index on every store.

On MongoDB the backend's own `order_by` puts `$addFields` before `$sort`, and then every change that matches is read and
sorted, whatever index there is (ADR 0001).
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from shared.history.models import Change


def newest(changes: "QuerySet[Change]", part: slice, only: Sequence[str] = ()) -> list[Change]:
    """A part of `changes` in their order, newest first; with nothing but the fields `only` where it names some."""
    if connection.vendor != "mongodb":
        found = changes.order_by("-at", "-id")
        return list((found.only(*only) if only else found)[part])
    from django_mongodb_backend.queryset import RawQuerySet

    asked = pipeline(changes, part, only)
    return list(RawQuerySet(asked, model=Change)) if asked else []


def pipeline(changes: "QuerySet[Change]", part: slice, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """How MongoDB is asked for it; nothing where nothing can match."""
    first = part.start or 0
    if part.stop <= first:  # MongoDB has no limit of zero
        return []
    compiler: Any = changes.order_by().query.get_compiler(connection=connection)
    compiler.pre_sql_setup()
    try:
        match = compiler.build_query().match_mql
    except EmptyResultSet:
        return []
    return [
        {"$match": match},
        {"$sort": {"at": -1, "_id": -1}},
        {"$skip": first},
        {"$limit": part.stop - first},
        *([{"$project": dict.fromkeys(only, 1)}] if only else []),
    ]
