"""Migrations on MongoDB, which has no transaction around them."""

from typing import Any

from django.db import migrations


class CreateCollection(migrations.CreateModel):
    """As CreateModel, and safe to repeat after a migration that was killed.

    What such a one left behind is empty, since nothing writes before its migrations are through; anything else
    is not ours to drop, and MongoDB says that it is there.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make the collection anew where it is empty, and those of its many-to-many fields."""
        model = to_state.apps.get_model(app_label, self.name)
        _drop_empty(schema_editor.connection.database, model)
        for field in model._meta.local_many_to_many:
            _drop_empty(schema_editor.connection.database, field.remote_field.through)
        super().database_forwards(app_label, schema_editor, from_state, to_state)


def _drop_empty(database: Any, model: Any) -> None:
    table = model._meta.db_table
    if table in database.list_collection_names() and database[table].find_one() is None:
        database.drop_collection(table)
