"""What a search finds a product by, and what its lists are sorted by: texts in one plain spelling.

An index of `words` answers a search without reading the collection, which a regular expression over the texts
cannot (ADR 0013 has the figures). Signs count: "C++" is a word. Of the name
the index holds what begins at any letter, so that a part within a word finds it; of the description only what
begins at a word or a sign, since thousands of entries for each product would cost more than they find.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 64  # letters of a term that count
# Letters that Unicode does not take apart, as people look for them; and marks of several shapes.
ALIKE = str.maketrans(
    {
        **dict(zip("øłđðħıŧ", "olddhit", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        **dict.fromkeys("\u2018\u2019\u02bc", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    }
)
STYLES = re.compile("[\ufe00-\ufe0f]")  # whether an emoji is drawn or coloured
AROUND = (
    "\"'`\u201c\u201d\u201e\u00ab\u00bb,;:!?"  # what stands around a word in a sentence, and is not meant
)
COMPOUND = re.compile(r"[^\W_]+(?:[-/_'&,][^\W_]+)+")
JOINTS = re.compile(r"[-/_'&,]")


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a search: what has `literal` is found, and what has all of `parts`, where it is made of several."""

    literal: str
    parts: Sequence[str] = ()


def plain(text: str) -> str:
    """`text` without case, accents and doubled spaces: what is spelt alike here is alike for people."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(STYLES.sub("", bare).casefold().translate(ALIKE).split())


def words_of(name: str, description: str = "") -> list[str]:
    """What an index finds a product by, sorted: ends of words that a term begins, and signs and initials alone."""
    found = {word for token in plain(name).split() for word in _entries(token, inside=True)}
    found |= {word for token in plain(description).split() for word in _entries(token, inside=False)}
    return sorted(found)


def terms_of(search: str) -> list[Term]:
    """What a search asks for; everything that it finds has all of them."""
    literals = dict.fromkeys(_meant(token)[:LONGEST] for token in plain(search).split())
    return [_term(literal) for literal in literals]


def _entries(token: str, *, inside: bool) -> Iterator[str]:
    for place, letter in enumerate(token):
        begins = _begins(token, place)
        if begins:
            yield letter  # the whole entry of a term of one letter
        if begins or (inside and place + 1 < len(token)):
            yield token[place : place + LONGEST]


def _begins(token: str, place: int) -> bool:
    """Whether people see a beginning there: of a word, a number, a sign, or a letter of a script without spaces."""
    if place == 0:
        return True
    before, here = token[place - 1], token[place]
    return (
        not (before.isalnum() and here.isalnum())
        or before.isdigit() != here.isdigit()
        or unicodedata.category(here) == "Lo"
    )


def _meant(token: str) -> str:
    if not any(letter.isalnum() for letter in token):
        return token
    return token.lstrip(AROUND).rstrip(AROUND + ".")


def _term(literal: str) -> Term:
    return Term(literal, JOINTS.split(literal) if COMPOUND.fullmatch(literal) else ())
