"""`manage.py migrate` waits for a table shorter than a request may, and works longer."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate

from shared.messaging.management.commands.migrate import LOCK_TIMEOUT_MS
from shared.settings.service import LOCK_TIMEOUT_MS as OF_A_REQUEST

Manners = dict[str, str]


def manners(column: str = "setting") -> Manners:
    """How long this session waits for a lock, and for a statement, in milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, {column} FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')"
        )
        return dict(cursor.fetchall())


@pytest.fixture
def meanwhile() -> Iterator[list[Manners]]:
    """The manners of each session that migrates."""
    seen: list[Manners] = []

    def look(**_: Any) -> None:
        seen.append(manners())

    pre_migrate.connect(look)
    yield seen
    pre_migrate.disconnect(look)


@pytest.mark.django_db
def test_it_gives_up_before_those_who_wait_behind_it_and_may_work_for_long(meanwhile: list[Manners]) -> None:
    """Red without the SET: an index of a large table is then cancelled after ten seconds. Red without the RESET."""
    call_command("migrate", verbosity=0)
    assert meanwhile
    for seen in meanwhile:
        assert seen == {"lock_timeout": str(LOCK_TIMEOUT_MS), "statement_timeout": "0"}
    assert LOCK_TIMEOUT_MS < OF_A_REQUEST
    assert manners() == manners("reset_val")
