"""The history is append-only, and the database says so."""

from typing import ClassVar

from django.db import migrations

CREATE = """
CREATE FUNCTION history_change_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A line of the history is never changed or deleted.'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER history_change_stays BEFORE UPDATE OR DELETE ON history_change
    FOR EACH ROW EXECUTE FUNCTION history_change_stays();
"""

DROP = """
DROP TRIGGER history_change_stays ON history_change;
DROP FUNCTION history_change_stays();
"""


class Migration(migrations.Migration):
    """A trigger for each row: TRUNCATE, which only an administrator resets a database with, is not stopped."""

    dependencies: ClassVar = [("history", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(CREATE, DROP)]
