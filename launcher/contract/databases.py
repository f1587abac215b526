"""infrastructure/postgres/databases.sql: what the launcher does itself, for PostgreSQL's image."""

from launcher.instance import ROOT
from launcher.stores.postgres import statements

DATABASES = ROOT / "infrastructure" / "postgres" / "databases.sql"
HEAD = "-- Roles and databases for compose.yaml, as launcher/stores/postgres.py makes them. A role's password is its name."


def document() -> str:
    """The text of the file."""
    return "\n".join([HEAD, *(f"{each.as_string()};" for each in statements())]) + "\n"
