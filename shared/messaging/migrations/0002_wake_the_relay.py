"""PostgreSQL tells the relay when a transaction that wrote to the outbox commits."""

from typing import ClassVar

from django.db import migrations

CREATE = """
CREATE FUNCTION messaging_wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER messaging_wake_relay AFTER INSERT ON messaging_outboxmessage
    FOR EACH STATEMENT EXECUTE FUNCTION messaging_wake_relay();
"""

DROP = """
DROP TRIGGER messaging_wake_relay ON messaging_outboxmessage;
DROP FUNCTION messaging_wake_relay();
"""


class Migration(migrations.Migration):
    """A statement trigger: no round trip of its own, and NOTIFY leaves only with the commit."""

    dependencies: ClassVar = [("messaging", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(CREATE, DROP)]
