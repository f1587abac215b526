"""Tables as files: what a manager downloads for a spreadsheet, and what comes back from one."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import StreamingHttpResponse

# A spreadsheet takes a cell that begins so for a formula, and runs it on the machine of whoever opens the file
# (https://owasp.org/www-community/attacks/CSV_Injection).
# The last four are the same signs in full width, which some take for the others.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
MOST_BYTES = 512 * 1024  # the gateway lets no more through, either (gateway.route_types.BACK_OFFICE)


class UnreadableFile(Exception):
    """The file as a whole cannot be used; the text says why, to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: the line it begins in, as an editor counts, and the cells of the columns that were asked for."""

    number: int
    cells: Mapping[str, str]


def defused(cell: object) -> object:
    """A text that no spreadsheet takes for a formula; numbers stay what they are."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA) else cell


def as_it_was(cell: str) -> str:
    """What `defused` made safe, as it was before."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


class _Echo:
    """Gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_answer(
    filename: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A download of `rows` under `columns`, a row at a time, however many there are.

    Every cell is quoted: a program that splits at another character would otherwise begin a cell inside one of ours.
    """
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    lines = (writer.writerow([defused(cell) for cell in row]) for row in chain([columns], rows))
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def read_csv(
    upload: "UploadedFile[bytes]", columns: Sequence[str], most: int, optional: Sequence[str] | None = None
) -> list[Line]:
    """At most `most` lines of a file whose first line names `columns`, among others in any order.

    Where some are `optional`, no others are let through: a name that was misspelt would be overlooked.
    Commas and semicolons part the cells alike, as spreadsheets of different countries write them. Raises UnreadableFile.
    """
    if (upload.size or 0) > MOST_BYTES:
        raise UnreadableFile(f"The file is too large: {MOST_BYTES // 1024} KiB is the most.")
    try:
        text = upload.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile("The file is not UTF-8 text: save it as “CSV UTF-8”.") from error
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        found = list(_lines(reader, columns, optional))
    except csv.Error as error:
        raise UnreadableFile(f"The file is not CSV: line {reader.line_num}: {error}.") from error
    if not found:
        raise UnreadableFile("The file has no rows below its first line.")
    if len(found) > most:
        raise UnreadableFile(f"The file has {len(found):,} rows; {most:,} is the most at once.")
    return found


def _lines(reader: Any, columns: Sequence[str], optional: Sequence[str] | None) -> Iterator[Line]:
    names = [cell.strip().lower() for cell in next(reader, [])]
    if missing := [name for name in columns if names.count(name) != 1]:
        raise UnreadableFile(f"The first line must name each of these columns once: {', '.join(missing)}.")
    places = {name: names.index(name) for name in columns}
    if optional is not None:
        places |= _places(names, {*columns, *optional})
    number = reader.line_num + 1  # a cell may have line breaks, so a row may be of several lines
    for cells in reader:
        if any(cell.strip() for cell in cells[len(names) :]):
            more = f"Line {number} has more cells than the first line"
            raise UnreadableFile(f"{more}: is there a separator in a cell, such as 1,234? Quote the cell.")
        if any(cell.strip() for cell in cells):
            yield Line(number, {name: _cell(cells, at) for name, at in places.items()})
        number = reader.line_num + 1


def _places(names: Sequence[str], known: set[str]) -> dict[str, int]:
    named = [name for name in names if name]
    if wrong := [name for name in named if name not in known or names.count(name) > 1]:
        raise UnreadableFile(f"These columns are not known, or stand there twice: {', '.join(wrong)[:200]}.")
    return {name: names.index(name) for name in named}


def _cell(cells: Sequence[str], at: int) -> str:
    return as_it_was("".join(cells[at : at + 1]).strip())
