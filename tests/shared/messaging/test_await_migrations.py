"""`manage.py await_migrations`: what stands beside `migrate` begins when it has ended."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from shared.messaging.management.commands import await_migrations


@pytest.fixture
def last() -> tuple[str, str]:
    """The last migration of the messaging tables."""
    leaf: tuple[str, str] = MigrationExecutor(connection).loader.graph.leaf_nodes("messaging")[0]
    return leaf


@pytest.fixture
def pauses(last: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each pause that the command makes; the third one is the end of somebody's migration."""
    made: list[float] = []

    def sleep(seconds: float) -> None:
        made.append(seconds)
        if len(made) == 3:
            MigrationRecorder(connection).record_applied(*last)

    monkeypatch.setattr(await_migrations, "sleep", sleep)
    return made


@pytest.mark.django_db
def test_it_waits_until_the_last_migration_is_applied(pauses: list[float], last: tuple[str, str]) -> None:
    """Red when a pod of a new release may work on the schema of the old one."""
    MigrationRecorder(connection).record_unapplied(*last)
    call_command("await_migrations")
    assert len(pauses) == 3


@pytest.mark.django_db
def test_a_database_that_is_ahead_is_good(pauses: list[float]) -> None:
    """Red when a pod of the old release would not come back after the new one's migrations: no roll-back then."""
    MigrationRecorder(connection).record_applied("order", "9999_of_the_next_release")
    call_command("await_migrations")
    assert pauses == []


@pytest.mark.django_db
def test_a_database_that_is_away_is_waited_for() -> None:
    """Red when the container would end with a traceback while the database starts."""
    away = connection.copy()
    away.settings_dict["PORT"] = 1
    assert "does not answer" in await_migrations.lacks(away)
