"""No migration that the code of the release before cannot live with: `python -m launcher.testing.migration_lint`.

Django's SQL for every migration but the first ones, judged by django-migration-linter and by what it does not know.
It runs with `launcher.testing.every_app` and without a database. What is dropped is dropped by a migration that says
so in its name, `NNNN_contract_…`: one release after the code that used it (docs/operations.md).
"""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import django
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django_migration_linter.migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser
from psycopg.sql import quote

from launcher.system import with_postgres
from launcher.testing.unmigrated import has_no_table

SETTINGS = "launcher.testing.every_app"
APPS = (*(each.name for each in with_postgres()), "messaging", "history")
CONTRACT = re.compile(r"\d{4}_contract_")
MAY_DROP = ("DROP_COLUMN", "DROP_TABLE")
NAMING = ("RUNPYTHON_ARGS_NAMING_CONVENTION", "RUNPYTHON_MODEL_VARIABLE_NAME")


def scans_under_lock(statements: list[str], **_: Any) -> bool:
    """Whether a rule is added that PostgreSQL holds every row against before it lets the table go."""
    made = {table for sql in statements for table in re.findall(r'^CREATE TABLE ("\w+")', sql)}
    added = (
        re.match(r'ALTER TABLE ("\w+") ADD (CONSTRAINT .* (CHECK|FOREIGN KEY) |COLUMN .* CHECK )', sql)
        for sql in statements
    )
    return any(rule and rule[1] not in made and "NOT VALID" not in rule.string for rule in added)


class Analyser(PostgresqlAnalyser):
    """Adds what django-migration-linter does not look for."""

    migration_checks = [
        *PostgresqlAnalyser.migration_checks,
        Check(
            "NOT_VALID",
            scans_under_lock,
            "ADD CONSTRAINT, or a column with a CHECK (a Positive…Field has one), looks at every row under the table's lock: AddConstraintNotValid, then ValidateConstraint",
            CheckMode.TRANSACTION,
            CheckType.ERROR,
        ),
    ]


class Linter(MigrationLinter):
    """Needs no database: nothing is applied anywhere, and Django makes the SQL from the files alone."""

    def __init__(self) -> None:
        super().__init__(
            include_apps=APPS,
            no_cache=True,
            ignore_initial_migrations=True,
            exclude_migration_tests=NAMING,
            all_warnings_as_errors=True,
            quiet=("ok", "ignore"),
        )
        self.sql_analyser_class = Analyser

    def lint_migration(self, migration: Any) -> None:
        """One that contracts may drop."""
        self.exclude_migration_tests = (*NAMING, *(MAY_DROP if CONTRACT.match(migration.name) else ()))
        super().lint_migration(migration)

    def get_sql(self, app_label: str, migration_name: str) -> list[str]:
        """As `sqlmigrate` shows it, which would ask a database what is applied."""
        loader, key = self.migration_loader, (app_label, migration_name)
        migration = loader.disk_migrations[key]
        state = loader.project_state(key, at_end=False)
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            migration.apply(state, editor, collect_sql=True)
        around = ("BEGIN;", "COMMIT;") if migration.atomic else ("", "")
        return [around[0], *_statements(editor.collected_sql), around[1]]


def _statements(collected: Iterable[str]) -> list[str]:
    return [line for sql in collected for line in sql.splitlines() if not line.startswith("--")]


def without_database() -> None:
    """Nothing is applied, and nobody is asked: Django would connect for the one, and to quote a default."""
    MigrationRecorder.has_table = has_no_table  # type: ignore[method-assign]
    connection.ops.compose_sql = _composed  # type: ignore[attr-defined]


def _composed(sql: str, params: Sequence[Any] | None) -> str:
    return sql % tuple(quote(value) for value in params) if params else sql


def main() -> int:
    """0 when every migration is of that kind."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    without_database()
    linter = Linter()
    linter.lint_all_migrations()
    linter.print_summary()
    return int(linter.has_errors or not linter.nb_valid)


if __name__ == "__main__":
    sys.exit(main())
