"""The ledger is append-only, and the database says so."""

from typing import ClassVar

from django.db import migrations

CREATE = """
CREATE FUNCTION stock_movement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A movement is never changed or deleted: write another one that corrects it.'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stock_movement_stays BEFORE UPDATE OR DELETE ON stock_movement
    FOR EACH ROW EXECUTE FUNCTION stock_movement_stays();
"""

DROP = """
DROP TRIGGER stock_movement_stays ON stock_movement;
DROP FUNCTION stock_movement_stays();
"""


class Migration(migrations.Migration):
    """A trigger for each row: TRUNCATE, which only an administrator resets a database with, is not stopped."""

    dependencies: ClassVar = [("stock", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(CREATE, DROP)]
