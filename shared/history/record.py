"""Writing a change down: in the transaction of the change itself, so that neither is there without the other."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model

from shared.auth import actor
from shared.history.models import LONGEST_NAME, LONGEST_REASON, Change
from shared.messaging.outbox import OutsideTransaction, in_transaction

Differences = Mapping[str, tuple[Any, Any]]  # field -> what it was, what it is


def record(
    changed: Model, action: str, differences: Differences, *, reason: str = "", name: str = ""
) -> None:
    """Write down that whoever acts now did `action` (a past participle) to `changed`, if the transaction commits.

    `name` is what people call the object, `str(changed)` unless told. Raises OutsideTransaction and NobodyActs.
    """
    record_all([line_of(changed, action, differences, reason=reason, name=name)])


def line_of(
    changed: Model, action: str, differences: Differences, *, reason: str = "", name: str = ""
) -> Change:
    """A line of the history, by whoever acts now; for `record_all`. Raises NobodyActs."""
    by = actor.current()
    return Change(
        model=changed._meta.model_name or "",
        object_id=str(changed.pk),
        object_name=(name or str(changed))[:LONGEST_NAME],
        action=action,
        differences={
            field: [_plain(before), _plain(after)] for field, (before, after) in differences.items()
        },
        reason=reason[:LONGEST_REASON],
        actor_id=by.subject,
        actor_name=by.name[:LONGEST_NAME],
        source=by.source.value,
    )


def record_all(changes: Iterable[Change]) -> None:
    """Write down many changes in one round trip to the database. Raises OutsideTransaction."""
    if not in_transaction():
        raise OutsideTransaction(
            "Open a transaction around this operation: its history must stand or fall with it."
        )
    lines = list(changes)
    if lines:
        Change.objects.bulk_create(lines)


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that are another than before, for `record`."""
    return {name: (value, after[name]) for name, value in before.items() if value != after[name]}


def _plain(value: Any) -> Any:
    """As JSON has it; money, ids and times as their text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
