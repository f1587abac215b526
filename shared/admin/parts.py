"""Parts of the admin's pages that several services show: a status as a badge, a table that scrolls by itself."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Tone(StrEnum):
    """How a badge is coloured (gateway/brand.css); its text says the same to whoever sees no colours."""

    GOOD = "good"
    WAIT = "wait"  # somebody has to do something
    BAD = "bad"
    NEWS = "news"  # it goes on by itself
    QUIET = "quiet"


def badge(text: object, tone: Tone | None = None) -> SafeString:
    """A short text on a coloured ground; a quiet one where nobody has said which."""
    return format_html('<span class="badge {}">{}</span>', tone or Tone.QUIET, text)


AT_THE_RIGHT = SafeString(' class="number"')


def table(
    about: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Collection[str] = ()
) -> SafeString:
    """A table on an object's page. Where it is wider than the page it scrolls by itself, with the keyboard as well.

    `about` names it to whoever hears the page; `numbers` are the columns whose cells stand at the right.
    """
    kinds = [AT_THE_RIGHT if name in numbers else "" for name in columns]
    head = format_html_join("", '<th scope="col"{}>{}', zip(kinds, columns, strict=True))
    cells = "".join(f"<td{kind}>{{}}" for kind in kinds)
    frame = '<div class="scroll" role="region" tabindex="0" aria-label="{}"><table><tr>{}{}</table></div>'
    return format_html(frame, about, head, format_html_join("", "<tr>" + cells, rows))
