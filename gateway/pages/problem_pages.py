"""A page for every kind of problem: where the `type` of a problem document leads. The words are docs/problems.md."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.errors import NoSuchAddress
from gateway.http.exchange import Exchange
from gateway.pages.api_index import PRIVATE

FILE = Path(__file__).resolve().parents[2] / "docs" / "problems.md"
SECTION = re.compile(r"^## `([a-z-]+)`\n+(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """What the file says of one kind of problem."""

    slug: str
    text: str

    @property
    def paragraphs(self) -> list[SafeString]:
        """The text as HTML; of Markdown there are paragraphs and `code` only."""
        return [_html(paragraph) for paragraph in self.text.strip().split("\n\n")]


def _html(paragraph: str) -> SafeString:
    pieces = enumerate(paragraph.split("`"))  # every other one is code
    shown = (format_html("<code>{}</code>", piece) if index % 2 else piece for index, piece in pieces)
    return format_html_join("", "{}", ((piece,) for piece in shown))


@cache
def sections() -> dict[str, Section]:
    """Every section of the file, by its slug."""
    return {slug: Section(slug, text) for slug, text in SECTION.findall(FILE.read_text(encoding="utf-8"))}


async def every_problem(exchange: Exchange) -> None:
    """All of them on one page."""
    await _show(exchange, "Problem types", list(sections().values()))


async def one_problem(exchange: Exchange) -> None:
    """The one that the address names."""
    slug = exchange.path.rpartition(b"/")[2].decode("ascii")
    section = sections().get(slug)
    if section is None:
        raise NoSuchAddress("There is no such problem type. /problems/ lists them all.")
    await _show(exchange, slug, [section])


async def _show(exchange: Exchange, title: str, chosen: list[Section]) -> None:
    page = render_to_string(
        "gateway/problems.html", {"title": title, "sections": chosen, **exchange.account}
    ).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), *PRIVATE]
    await exchange.answer(200, headers, page)
