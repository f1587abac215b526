"""How long searches of a large catalogue take, with their count and in the order of their rank.

Fills a database of its own on the MongoDB of a platform that runs, and drops it again:
`python -m benchmarks.catalogue_search [--port-offset N] [--products 200000]`.
"""

import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.uri_parser import parse_uri

from benchmarks import results
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import service

NAME = "benchmark_catalogue_search"
SEARCHES = ("C++", "white mug", "500 g", "espresso", "coffee", "offee", "pour-over", "or", "e")
KINDS = [
    "Red",
    "Blue",
    "Green",
    "Ridge",
    "Harbour",
    "Classic",
    "Modern",
    "Nordic",
    "Alpine",
    "Coastal",
    "Urban",
    "Vintage",
    "Gentle",
    "Bold",
]
AT_ONCE = 2_000
TRIES = 3


def main() -> None:
    """Print for each search how many it finds, and the quickest of three times in milliseconds."""
    parser = results.options(__doc__)
    parser.add_argument("--products", type=int, default=200_000)
    options = parser.parse_args()
    known = environment(service("product"), Instance(options.port_offset))
    os.environ.update(known, DJANGO_SETTINGS_MODULE="apps.product.settings")
    django.setup()
    url = known["MICROCOMMERCE_DATABASE_URL"]
    client: MongoClient[Any] = MongoClient(url.replace(f"/{parse_uri(url)['database']}?", f"/{NAME}?"))
    try:
        results.save(options.json, list(_measure(client[NAME]["product_product"], options.products)))
    finally:
        client.drop_database(NAME)


def _measure(products: Collection[Any], count: int) -> Iterator[results.Row]:
    from apps.product import queries
    from apps.product.models import Product

    _fill(products, count)
    for index in Product._meta.indexes:
        products.create_index([("_id" if name == "id" else name, 1) for name in index.fields])
    for search in SEARCHES:
        listing = queries.products({"search": search})
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            found = products.count_documents(listing.match)
            list(products.aggregate(listing.pipeline(slice(0, 20))))
            times.append(time.perf_counter() - began)
        quickest = round(min(times) * 1000)
        print(f"{search:<12}{found:>8} found{quickest:>8} ms", flush=True)
        yield {"search": search, "found": found, "quickest_ms": quickest, "load": results.load()}


def _fill(products: Collection[Any], count: int) -> None:
    batch = list[dict[str, Any]]()
    for document in _documents(count):
        batch.append(document)
        if len(batch) == AT_ONCE:
            products.insert_many(batch, ordered=False)
            batch.clear()
    if batch:
        products.insert_many(batch, ordered=False)


def _documents(count: int) -> Iterator[dict[str, Any]]:
    """Products whose texts are mixed from the demonstration's."""
    from apps.product.demo import catalogue
    from apps.product.search_terms import plain, words_of

    chance = random.Random(1)  # noqa: S311 - no secret
    known = list(catalogue.by_slug().values())
    for number in range(count):
        one, other = chance.choice(known), chance.choice(known)
        name = f"{chance.choice(KINDS)} {one.name} {number % 9973}"
        description = f"{one.description} {other.description}"
        created_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        yield {
            "name": name,
            "slug": str(number),
            "description": description,
            "is_active": True,
            "created_at": created_at,
            "words": words_of(name, description),
            "name_key": plain(name),
        }


if __name__ == "__main__":
    main()
