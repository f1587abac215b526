"""A count of many products at once, from a file: first what it would change, then each row by the operation."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.core import signing

from apps.stock import operations
from apps.stock.models import StockItem
from shared.admin.spreadsheets import Line
from shared.http.fields import OBJECT_ID
from shared.http.preconditions import PreconditionFailed
from shared.http.problems import Problem, is_store_away

COLUMNS = ("product_id", "on_hand")
MOST = 2000  # rows of one file: each is a transaction, and the gateway waits half a minute for all of them
DIGITS = re.compile(r"[0-9]{1,10}")
SHOWN = 40  # characters of a cell that is no number
SALT = "stock.count"
A_COUNT = "a count from a file"
AGREED_FOR = 60 * 60  # seconds: a count of this morning is none of tonight


@dataclass
class Row:
    """One row of a count: how many were counted, and how many were `seen` to be on hand when it was looked at."""

    line: int
    product_id: str
    counted: int = 0
    seen: int = 0
    name: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def change(self) -> int:
        """The counted quantity less the one that was seen."""
        return self.counted - self.seen


def checked(lines: Iterable[Line]) -> list[Row]:
    """A row for each line, with all that can be said about it before anything is changed."""
    rows = [_read(line) for line in lines]
    often = Counter(row.product_id for row in rows)
    known = StockItem.objects.in_bulk([row.product_id for row in rows if not row.errors])
    for row in rows:
        if often[row.product_id] > 1:
            row.errors.append(f"This product stands in {often[row.product_id]} rows.")
        if not row.errors:
            _compare(row, known.get(row.product_id))
    return rows


def _read(line: Line) -> Row:
    row = Row(line.number, line.cells["product_id"])
    counted = line.cells["on_hand"]
    if not re.fullmatch(OBJECT_ID, row.product_id):
        row.errors.append("A product's id is 24 lower-case hexadecimal digits.")
    if DIGITS.fullmatch(counted) and int(counted) <= operations.MAX_ON_HAND:
        row.counted = int(counted)
    else:
        most = f"{operations.MAX_ON_HAND:,}"
        row.errors.append(f"on_hand is a whole number from 0 to {most}, not “{counted[:SHOWN]}”.")
    return row


def _compare(row: Row, item: StockItem | None) -> None:
    if item is None:
        row.errors.append("No product with this id is in stock-keeping.")
        return
    row.name, row.seen = item.name, item.on_hand
    if row.counted < item.reserved:
        row.errors.append(f"Orders hold {item.reserved}: fewer cannot be on hand.")


def agreement(rows: Iterable[Row]) -> str:
    """What a form carries from the dry run to the run: the rows that change something, as they were shown."""
    numbers = [(row.line, row.product_id, row.counted, row.seen) for row in rows]
    return signing.dumps(numbers, salt=SALT, compress=True)


def agreed(text: str) -> list[Row]:
    """The rows of an `agreement`. Raises signing.BadSignature where it is none, or an old one."""
    rows = [Row(*numbers) for numbers in signing.loads(text, salt=SALT, max_age=AGREED_FOR)]
    known = StockItem.objects.in_bulk([row.product_id for row in rows])
    for row in rows:
        if item := known.get(row.product_id):
            row.name = item.name
    return rows


def carry_out(rows: Sequence[Row], actor: str) -> int:
    """Set the level of each row by itself; returns how many were set.

    Why others were not is in their `errors`. A store that is away ends it: the rows from there on say so.
    """
    done = 0
    for at, row in enumerate(rows):
        try:
            seen = as_it_was_seen(row.seen)
            operations.set_on_hand(row.product_id, row.counted, actor, seen, reason=A_COUNT)
        except Problem as problem:
            row.errors.append(str(problem.detail))
        except Exception as error:
            if not is_store_away(error):
                raise
            for left in rows[at:]:
                left.errors.append(f"A store cannot be reached ({error}).")
            break
        else:
            done += 1
    return done


def as_it_was_seen(on_hand: int) -> operations.Precondition:
    """That so many are on hand as a manager saw: who agreed to 10 → 7 has not agreed to 9 → 7."""

    def check(item: StockItem) -> None:
        if item.on_hand != on_hand:
            raise PreconditionFailed(
                f"{item.on_hand} are on hand by now, not {on_hand} as was shown. Look again, then repeat it."
            )

    return check
