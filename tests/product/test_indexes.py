"""Every query of a list is answered by an index, in the order that was asked for."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId, json_util
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.product import queries
from apps.product.models import Category, Product
from apps.product.mongo_list import MongoList
from apps.product.mongodb import mongo
from shared.history.models import Change
from shared.history.newest import pipeline
from shared.messaging.models import OutboxMessage
from shared.messaging.mongodb import OUTBOX
from shared.messaging.purge import KEEP_SENT
from shared.testing.tokens import MIA, make_token
from tests.product.conftest import LOG

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.test import APIClient

    from tests.product.conftest import CommandsIn, MakeProduct

WANTED: list[queries.Wanted] = [
    *[queries.Wanted(ordering=ordering) for ordering in queries.ORDERINGS],
    *[queries.Wanted(ordering=ordering, category="outdoors") for ordering in queries.ORDERINGS],
    {"min_price": Decimal(20), "max_price": Decimal(30), "ordering": "price"},
    {"min_price": Decimal(20), "ordering": "-price", "category": "outdoors"},
    {"is_active": False},
]


@pytest.fixture(autouse=True)
def catalogue(empty_store: None) -> None:
    """Something to choose from."""
    call_command("load_demo", verbosity=0)


def stages(plan: Any) -> Iterator[dict[str, Any]]:
    """Every stage of a winning plan, those of the pipeline around it included (`{"$sort": …}`)."""
    if isinstance(plan, dict):
        yield from ({"stage": name} for name in plan if name == "$sort")
        if "stage" in plan:
            yield plan
        for name, inner in plan.items():
            if name not in {"rejectedPlans", "command"}:
                yield from stages(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from stages(inner)


def explained(found: "QuerySet[Any] | MongoList[Any]") -> list[dict[str, Any]]:
    """Every stage of how MongoDB would answer."""
    if isinstance(found, MongoList):
        asked = {
            "aggregate": found.model._meta.db_table,
            "pipeline": found.pipeline(slice(0, 20)),
            "cursor": {},
        }
        return list(stages(mongo.database.command("explain", asked, verbosity="queryPlanner")))
    return list(stages(json_util.loads(found.explain())))


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: json.dumps(wanted, default=str))
def test_a_list_is_read_from_an_index_in_its_order(wanted: queries.Wanted) -> None:
    names = [stage["stage"] for stage in explained(queries.products(wanted))]
    assert "IXSCAN" in names
    assert not {"COLLSCAN", "SORT", "$sort"} & set(names)


@pytest.mark.parametrize(
    "wanted",
    [
        {"search": "coffee"},
        {"search": "cof mug"},
        {"search": "C++ (white)"},
        {"search": "pour-over"},
        {"search": "%"},
    ],
    ids=str,
)
def test_a_search_reads_only_what_it_finds(wanted: queries.Wanted) -> None:
    names = {(stage["stage"], stage.get("indexName")) for stage in explained(queries.products(wanted))}
    assert ("IXSCAN", "product_words") in names
    assert {index for stage, index in names if stage == "IXSCAN"} == {"product_words"}
    assert "COLLSCAN" not in {name for name, _ in names}


def test_categories_are_read_in_their_order() -> None:
    names = {stage["stage"] for stage in explained(queries.categories())}
    assert "IXSCAN" in names
    assert not {"COLLSCAN", "SORT", "$sort"} & names


def test_one_is_found_by_its_id_or_slug() -> None:
    for found in (
        Product.objects.filter(slug="pocket-kite"),
        Category.objects.filter(slug="outdoors"),
        Product.objects.filter(pk=ObjectId()),
        Product.objects.filter(categories__contains=[ObjectId()]),
    ):
        names = {stage["stage"] for stage in explained(found)}
        assert names & {"IXSCAN", "IDHACK"}
        assert "COLLSCAN" not in names


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "history_newest"),
        ({"actor_id": "x"}, "history_of_actor"),
        ({"actor_name": "x"}, "history_by_name"),
        ({"source": "api"}, "history_from_source"),
        ({"at__gte": timezone.now()}, "history_newest"),
    ],
    ids=str,
)
def test_the_newest_changes_come_from_an_index(wanted: dict[str, Any], index: str) -> None:
    """Red with the backend's own `order_by`, which sorts all of them."""
    found = Change.objects.filter(**wanted)
    asked = {"aggregate": Change._meta.db_table, "pipeline": pipeline(found, slice(0, 10)), "cursor": {}}
    plan = list(stages(mongo.database.command("explain", asked, verbosity="queryPlanner")))
    assert {stage["indexName"] for stage in plan if stage["stage"] == "IXSCAN"} == {index}
    assert not {"COLLSCAN", "SORT", "$sort"} & {stage["stage"] for stage in plan}


def test_the_pages_of_the_history_ask_so(trusted_realm: None, commands_in: "CommandsIn") -> None:
    """Nothing that a page sends about changes sorts by itself. Red with Django's own list, or slices of query sets."""
    client = Client(headers={"authorization": f"Bearer {make_token(MIA, ('manager',))}"})
    client.get("/admin/product/")
    with commands_in():
        for address in ("", "change/", "change/?p=2", "change/?source=command"):
            assert client.get(f"/admin/product/{address}").status_code == 200
    sent = list(LOG.pipelines)
    assert sum("$sort" in stage for each in sent for stage in each) >= 4
    for each in sent:
        names = [next(iter(stage)) for stage in each]
        assert "$sort" not in names or "$addFields" not in names[: names.index("$sort")]


def test_the_relay_reads_only_what_waits() -> None:
    OutboxMessage.objects.update(sent_at=timezone.now())
    waiting = OutboxMessage.objects.order_by("-pk")[0]
    OutboxMessage.objects.filter(pk=waiting.pk).update(sent_at=None)
    cursor = mongo.get_collection(OUTBOX).find({"sent_at": None}).sort("_id", 1).limit(500)
    counted = cursor.explain()["executionStats"]
    assert (counted["nReturned"], counted["totalKeysExamined"]) == (1, 1)


def test_the_relay_forgets_only_what_is_old() -> None:
    OutboxMessage.objects.update(sent_at=timezone.now())
    long_ago = timezone.now() - KEEP_SENT * 2
    old = OutboxMessage.objects.order_by("pk")[0]
    OutboxMessage.objects.filter(pk=old.pk).update(sent_at=long_ago)
    cursor = (
        mongo.get_collection(OUTBOX).find({"sent_at": {"$lt": long_ago + KEEP_SENT}}, {"_id": 1}).limit(10)
    )
    counted = cursor.explain()["executionStats"]
    assert counted["nReturned"] == 1
    assert counted["totalDocsExamined"] <= 1  # none at all, where the index says it


@pytest.mark.parametrize(
    ("query", "first"),
    [("", 5), ("?category=outdoors", 6), ("?search=coffee&min_price=5&ordering=price&page_size=100", 5)],
)
def test_a_page_takes_few_round_trips(
    anonymous_client: "APIClient", commands_in: "CommandsIn", query: str, first: int
) -> None:
    address = f"/api/products/{query}"
    with commands_in() as commands:
        assert anonymous_client.get(address).json()["results"]
    assert len(commands) == first, (
        commands
    )  # the revision before and after, the category's id, the count, the page, its categories
    with commands_in() as commands:
        assert anonymous_client.get(address).status_code == 200
    assert commands == ["find"]


def test_the_pages_of_a_list_are_counted_once(
    anonymous_client: "APIClient",
    manager_client: "APIClient",
    commands_in: "CommandsIn",
    make_product: "MakeProduct",
) -> None:
    """Until the catalogue changes. Red when each page counts, or a count outlives a change or serves another list."""

    def counted(query: str) -> tuple[int, int]:
        with commands_in() as commands:
            count = anonymous_client.get(f"/api/products/?page_size=3&{query}").json()["count"]
        return count, commands.count("aggregate")

    (count, first), (same, second) = counted("page=1"), counted("page=2")
    assert (same, second) == (count, first - 1)
    narrowed, asked = counted("page=1&max_price=20")
    assert (0 < narrowed < count, asked) == (True, first)
    cheap = make_product("Brand New Thing", price=Decimal(1))
    assert counted("page=3") == (count + 1, first)
    assert counted("page=2&max_price=20") == (narrowed + 1, first)
    assert manager_client.delete(f"/api/products/{cheap.pk}/").status_code == 204
    assert counted("page=2") == (count, first)
    assert counted("page=4") == (count, first - 1)


def test_a_write_takes_few_round_trips(make_product: "MakeProduct", commands_in: "CommandsIn") -> None:
    with commands_in() as commands:
        make_product("Brand New Thing")
    # free slug?, document, number, message, line of the history, revision, commit
    assert commands == [
        *("aggregate", "insert", "findAndModify", "insert", "insert", "update", "commitTransaction"),
    ]
