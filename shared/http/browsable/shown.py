"""Data as tables and lists for the eye. Whatever stands in the data is text: only addresses that we make are links."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings

MEMBER = re.compile(r"{(\w+)}")
NOTHING = "–"
MOST_COLUMNS = 12
Links = Mapping[str, str]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """Something to show: a text (`href` where it leads somewhere), a picture, pairs of names and values, or a table."""

    text: str = ""
    href: str = ""
    picture: str = ""
    pairs: Sequence[tuple[str, "Value"]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence["Value"]] = ()


def label(name: str) -> str:
    """A member's name for people."""
    return name.replace("_", " ").capitalize()


def address(template: str, row: Row) -> str:
    """`template` with the members of `row` in it; empty where one is missing."""
    names = MEMBER.findall(template)
    if any(row.get(name) in (None, "") for name in names):
        return ""
    return MEMBER.sub(lambda found: quote(str(row[found[1]]), safe=""), template)


def thing(data: Row, links: Links, path: str = "") -> Value:
    """One object; `path` is where it stands in another one."""
    return Value(
        pairs=[(label(str(name)), value(f"{path}{name}", each, data, links)) for name, each in data.items()]
    )


def table(
    rows: Sequence[Row], links: Links, row_links: Links, columns: Sequence[str] = (), path: str = ""
) -> Value:
    """Many of a kind, a line for each; `row_links` stand at the end of each line."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))[:MOST_COLUMNS]
    lines = [
        [
            *(value(f"{path}{name}", row.get(name), row, links) for name in names),
            *(Value(text, address(where, row)) for text, where in row_links.items()),
        ]
        for row in rows
    ]
    return Value(columns=[*map(label, names), *(["And"] * len(row_links))], rows=lines)


def value(path: str, found: Any, row: Row, links: Links) -> Value:
    """The member of `row` that stands at `path` (`items.product_id`)."""
    if isinstance(found, Mapping) and found:
        return thing(found, links, f"{path}.")
    if isinstance(found, list) and found and all(isinstance(each, Mapping) for each in found):
        return table(found, links, {}, path=f"{path}.")
    text = _text(found)
    if path in links and text != NOTHING:
        return Value(text, address(links[path], row))
    is_own = text.startswith(f"{settings.GATEWAY_URL}/")
    if path == "image" and (is_own or text.startswith("https://")):
        return Value(text, picture=text)
    return Value(text, text if is_own else "")


def _text(found: Any) -> str:
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list | tuple):
        return ", ".join(map(str, found)) or NOTHING
    return NOTHING if found in (None, "", {}) else str(found)
