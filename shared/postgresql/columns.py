"""Many rows in one statement: as arrays, one for each column, of which `unnest` makes rows again."""

from collections.abc import Collection
from typing import Any


class Columns:
    """Some columns by their names and PostgreSQL's types; a row is any object with attributes of these names.

        MOVED = Columns(id="uuid", status="text")
        cursor.execute(f"UPDATE … FROM {MOVED.rows} AS moved ({MOVED.names}) WHERE …", MOVED.of(orders))

    However many rows there are, the statement is the same.
    """

    def __init__(self, **types: str) -> None:
        self._names = tuple(types)
        self.names = ", ".join(types)
        self.rows = f"unnest({', '.join(f'%s::{kind}[]' for kind in types.values())})"

    def of(self, rows: Collection[Any]) -> list[list[Any]]:
        """The values of `rows`, for the parameters that stand in `self.rows`."""
        return [[getattr(row, name) for row in rows] for name in self._names]
