"""Filling what is made from names and descriptions, in documents that were written without it."""

from collections.abc import Iterator
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from apps.product.search_terms import plain, words_of

AT_ONCE = 500  # documents


def fill(database: Database[Any]) -> int:
    """Make search words and sort keys anew where they are not what they should be; returns for how many documents.

    It may be repeated and ended at any moment, and holds up nobody: a document that changes meanwhile is left to
    the change.
    """
    return _fill(database, "product_product", with_words=True) + _fill(
        database, "product_category", with_words=False
    )


def _fill(database: Database[Any], table: str, *, with_words: bool) -> int:
    filled, batch = 0, list[UpdateOne]()
    for update in _updates(database, table, with_words=with_words):
        batch.append(update)
        if len(batch) == AT_ONCE:
            filled += database[table].bulk_write(batch, ordered=False).modified_count
            batch.clear()
    return filled + (database[table].bulk_write(batch, ordered=False).modified_count if batch else 0)


def _updates(database: Database[Any], table: str, *, with_words: bool) -> Iterator[UpdateOne]:
    read = ("name", "description") if with_words else ("name",)
    for found in database[table].find({}, [*read, "words", "name_key"]):
        made: dict[str, Any] = {"name_key": plain(found["name"])}
        if with_words:
            made["words"] = words_of(found["name"], found["description"])
        if any(found.get(name) != value for name, value in made.items()):
            seen = {name: found[name] for name in ("_id", *read)}
            yield UpdateOne(seen, {"$set": made})
