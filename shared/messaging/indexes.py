"""Indexes that a migration makes while everybody works on, and that it can make again after it was broken off."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently


class AddIndexAgain(AddIndexConcurrently):
    """CREATE INDEX CONCURRENTLY, which leaves an invalid index behind where it fails: that one is dropped first.

    It waits for transactions of others and holds nobody up meanwhile, so it may wait for longer than a migration may
    for a lock (shared/messaging/management/commands/migrate.py).
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop what is left of it, make it."""
        self._ensure_not_in_transaction(schema_editor)
        connection = schema_editor.connection
        timeout = None
        if not schema_editor.collect_sql:
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                (timeout,) = cursor.fetchone()
        schema_editor.execute("SET lock_timeout = 0")
        try:
            model = to_state.apps.get_model(app_label, self.model_name)
            if self.allow_migrate_model(connection.alias, model):
                name = schema_editor.quote_name(self.index.name)
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.execute(f"SET lock_timeout = '{timeout}'" if timeout else "RESET lock_timeout")
