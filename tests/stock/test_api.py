"""The endpoints of stock as the contract fixes them."""

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.stock.models import Movement, StockItem
from apps.stock.queries import violations
from shared.contracts import ReserveStock, StockLevelChanged
from shared.messaging.models import OutboxMessage
from tests.accept import BROWSER
from tests.stock.builders import command, deliver, level, order, product, put, said_since
from tests.stock.test_races import at_once

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

A, B = product("a"), product("b")
STOCK = "/api/stock/"
ITEM = f"{STOCK}{A}/"
ADJUSTMENTS = f"{ITEM}adjustments/"
MOVEMENTS = f"{ITEM}movements/"


def problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"].endswith(f"/problems/{slug}"), document
    return document


def test_anyone_sees_what_is_available(anonymous_client: "APIClient") -> None:
    put(a=10)
    deliver([command(ReserveStock, order(), a=4)])

    response = anonymous_client.get(ITEM)

    assert response.status_code == 200
    assert response.json() == {"product_id": A, "available": 6}
    assert "Authorization" in response["Vary"]


def test_a_customer_sees_no_more(customer_client: "APIClient") -> None:
    put(a=10)

    assert customer_client.get(ITEM).json() == {"product_id": A, "available": 10}
    assert customer_client.get(STOCK).json()["results"] == [{"product_id": A, "available": 10}]


def test_a_manager_sees_everything(manager_client: "APIClient") -> None:
    put(a=10)
    deliver([command(ReserveStock, order(), a=4)])

    shown = {"product_id": A, "available": 6, "on_hand": 10, "reserved": 4, "version": 2}
    assert manager_client.get(ITEM).json() == shown
    assert manager_client.get(STOCK).json()["results"] == [shown]


@pytest.mark.parametrize(
    "query",
    ["", "?page=2&page_size=2", "?page_size=3", f"?product_id={A}&product_id={B}&product_id={product('c')}"],
)
def test_a_page_of_levels_is_one_statement(anonymous_client: "APIClient", query: str) -> None:
    """With the count of all. Red when it is counted on its own, or a level is asked for by itself."""
    put(a=1, b=2, c=3)
    with CaptureQueriesContext(connection) as captured:
        page = anonymous_client.get(f"{STOCK}{query}").json()
    assert page["count"] == 3
    assert [query["sql"].split()[0] for query in captured] == ["SELECT"]


def test_the_list_of_all_levels_ends(anonymous_client: "APIClient") -> None:
    """Red when a page after the last one is empty, or the first one of nothing is not found."""
    nothing: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    assert anonymous_client.get(STOCK).json() == nothing
    put(a=1, b=2, c=3)
    last = anonymous_client.get(f"{STOCK}?page=2&page_size=2").json()
    assert (last["results"], last["next"]) == ([{"product_id": product("c"), "available": 3}], None)
    problem(anonymous_client.get(f"{STOCK}?page=3&page_size=2"), 404, "not-found")
    problem(anonymous_client.get(f"{STOCK}?page=1000000000&page_size=100"), 404, "not-found")


def test_many_at_once(anonymous_client: "APIClient") -> None:
    put(a=1, b=2, c=3)

    response = anonymous_client.get(STOCK, {"product_id": [B, A, A, product("z")]})

    results = [{"product_id": A, "available": 1}, {"product_id": B, "available": 2}]
    assert response.json() == {"count": 2, "next": None, "previous": None, "results": results}


def test_a_hundred_at_once_come_in_one_answer(anonymous_client: "APIClient") -> None:
    names = [f"p{number}" for number in range(100)]
    StockItem.objects.bulk_create(StockItem(product_id=product(name)) for name in names)

    response = anonymous_client.get(STOCK, {"product_id": [product(name) for name in names]})

    assert len(response.json()["results"]) == 100


def test_those_asked_for_come_in_pages_when_told(anonymous_client: "APIClient") -> None:
    put(a=1, b=2, c=3)
    asked = f"{STOCK}?product_id={A}&product_id={B}&product_id={product('c')}"

    last = anonymous_client.get(f"{asked}&page_size=2&page=2").json()

    assert (last["count"], len(last["results"]), last["next"]) == (3, 1, None)
    problem(anonymous_client.get(f"{asked}&page=-1"), 400, "validation-error")
    problem(anonymous_client.get(f"{asked}&page=5"), 404, "not-found")
    problem(anonymous_client.get(f"{asked}&page_size=0"), 400, "validation-error")


def test_without_ids_it_is_a_page_of_all(anonymous_client: "APIClient") -> None:
    put(a=1, b=2, c=3)

    first = anonymous_client.get(STOCK, {"page_size": 2}).json()

    assert (first["count"], len(first["results"]), first["previous"]) == (3, 2, None)
    assert first["next"] == "http://localhost:8000/api/stock/?page=2&page_size=2"
    assert anonymous_client.get(STOCK, {"page_size": 2, "page": 2}).json()["results"] == [
        {"product_id": product("c"), "available": 3}
    ]


def test_an_unknown_product_is_not_found(manager_client: "APIClient") -> None:
    for response in (
        manager_client.get(ITEM),
        manager_client.put(ITEM, {"on_hand": 5}),
        manager_client.post(ADJUSTMENTS, {"delta": 5, "reason": "found"}),
        manager_client.get(MOVEMENTS),
    ):
        assert "stock-keeping" in problem(response, 404, "not-found")["detail"]


def test_a_manager_says_how_many_there_are(manager_client: "APIClient") -> None:
    put(a=10)
    before = OutboxMessage.objects.latest("id").pk

    response = manager_client.put(ITEM, {"on_hand": 25})

    assert response.status_code == 200
    assert response.json() == {"product_id": A, "available": 25, "on_hand": 25, "reserved": 0, "version": 2}
    told = StockLevelChanged(product_id=A, on_hand=25, reserved=0, available=25, version=2)
    assert said_since(before) == [told]
    movement = Movement.objects.latest("id")
    assert (movement.kind, movement.delta, movement.on_hand) == ("set", 15, 25)
    assert movement.actor


def test_saying_it_again_changes_nothing(manager_client: "APIClient") -> None:
    put(a=10)
    first = manager_client.put(ITEM, {"on_hand": 25}).json()
    counts = (Movement.objects.count(), OutboxMessage.objects.count())

    assert manager_client.put(ITEM, {"on_hand": 25}).json() == first
    assert (Movement.objects.count(), OutboxMessage.objects.count()) == counts


def test_never_below_what_is_reserved(manager_client: "APIClient") -> None:
    put(a=10)
    deliver([command(ReserveStock, order(), a=4)])
    counts = (Movement.objects.count(), OutboxMessage.objects.count())

    for response in (
        manager_client.put(ITEM, {"on_hand": 3}),
        manager_client.post(ADJUSTMENTS, {"delta": -7, "reason": "broken"}),
    ):
        document = problem(response, 409, "below-reserved")
        assert (document["on_hand"], document["reserved"]) == (10, 4)

    assert level("a") == (10, 4)
    assert (Movement.objects.count(), OutboxMessage.objects.count()) == counts
    assert manager_client.put(ITEM, {"on_hand": 4}).status_code == 200
    assert manager_client.get(ITEM).json()["available"] == 0


def test_never_more_than_can_be_kept(manager_client: "APIClient") -> None:
    put(a=10)

    response = manager_client.post(ADJUSTMENTS, {"delta": 999_999_999, "reason": "a ship came in"})

    assert problem(response, 409, "stock-limit")["on_hand"] == 10
    assert level("a") == (10, 0)


def test_an_adjustment_is_a_movement(manager_client: "APIClient") -> None:
    put(a=10)

    response = manager_client.post(ADJUSTMENTS, {"delta": -3, "reason": " dropped "})

    assert response.status_code == 201
    movement = response.json()
    assert movement.pop("created_at").endswith("Z")
    assert movement == {
        "id": Movement.objects.latest("id").pk,
        "product_id": A,
        "kind": "adjustment",
        "delta": -3,
        "on_hand": 7,
        "reason": "dropped",
        "order_id": None,
        "actor": "31a00000-0000-4000-8000-000000000003",
    }
    assert level("a") == (7, 0)
    assert violations() == []


def test_one_idempotency_key_is_one_adjustment(manager_client: "APIClient") -> None:
    put(a=10, b=10)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"delta": 5, "reason": "found"}

    first = manager_client.post(ADJUSTMENTS, body, headers=key)
    again = manager_client.post(ADJUSTMENTS, body, headers=key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert level("a") == (15, 0)
    for address, other in ((ADJUSTMENTS, {**body, "delta": 6}), (f"{STOCK}{B}/adjustments/", body)):
        problem(manager_client.post(address, other, headers=key), 422, "idempotency-key-reused")
    assert (level("a"), level("b")) == ((15, 0), (10, 0))


def test_without_a_key_each_adjustment_counts(manager_client: "APIClient") -> None:
    put(a=10)
    for _ in range(2):
        manager_client.post(ADJUSTMENTS, {"delta": 5, "reason": "found"})

    assert level("a") == (20, 0)


@pytest.mark.django_db(transaction=True)
def test_one_key_many_times_at_once(manager_client: "APIClient") -> None:
    put(a=10, b=10)
    key = {"Idempotency-Key": "once"}
    answers: list[tuple[int, Any]] = []

    def post(name: str) -> None:
        response = manager_client.post(
            f"{STOCK}{product(name)}/adjustments/", {"delta": 1, "reason": "x"}, headers=key
        )
        answers.append((response.status_code, response.json().get("id")))

    at_once([lambda n=name: post(n) for name in "ab" * 10])  # type: ignore[misc]

    assert sorted({status for status, _ in answers}) == [201, 422]
    assert len({movement for status, movement in answers if status == 201}) == 1
    assert level("a")[0] + level("b")[0] == 21


def test_movements_newest_first(manager_client: "APIClient") -> None:
    put(a=10, b=5)
    manager_client.post(ADJUSTMENTS, {"delta": 5, "reason": "found"})
    manager_client.put(ITEM, {"on_hand": 2})

    page = manager_client.get(MOVEMENTS, {"page_size": 2}).json()

    assert page["count"] == 3
    assert [(m["kind"], m["delta"], m["on_hand"]) for m in page["results"]] == [
        ("set", -13, 2),
        ("adjustment", 5, 15),
    ]
    assert page["next"].startswith(f"http://localhost:8000{MOVEMENTS}?cursor=")
    manager_client.put(ITEM, {"on_hand": 7})
    rest = manager_client.get(page["next"]).json()["results"]
    assert [m["kind"] for m in rest] == ["set"], "a later movement pushed one onto the next page"


@pytest.mark.parametrize("address", [STOCK, ITEM, ADJUSTMENTS, MOVEMENTS])
def test_the_browsable_api_shows_a_page(manager_client: "APIClient", address: str) -> None:
    put(a=10)

    response = manager_client.get(address, HTTP_ACCEPT=BROWSER)

    assert response.status_code in {200, 405}
    assert response["Content-Type"].startswith("text/html")


def test_the_service_says_when_it_is_ready(client: "APIClient") -> None:
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok"})
    assert client.get("/health/live").status_code == 200
    assert b"http_requests_total" in client.get("/metrics").content


def test_a_manager_who_read_an_older_level_changes_nothing(manager_client: "APIClient") -> None:
    """Red when PUT does not read If-Match: the later of two counts would undo the earlier."""
    put(a=10)
    read = manager_client.get(ITEM)
    assert read["ETag"] == f'"{read.json()["version"]}"'
    first = manager_client.put(ITEM, {"on_hand": 8}, HTTP_IF_MATCH=read["ETag"])
    assert (first.status_code, first["ETag"]) == (200, f'"{first.json()["version"]}"')

    second = manager_client.put(ITEM, {"on_hand": 9}, HTTP_IF_MATCH=read["ETag"])

    problem(second, 412, "precondition-failed")
    assert second["ETag"] == first["ETag"]
    assert level("a")[0] == 8
    assert manager_client.put(ITEM, {"on_hand": 9}, HTTP_IF_MATCH=first["ETag"]).status_code == 200


@pytest.mark.parametrize(
    ("header", "value"), [("If-Match", "stale"), ("If-Match", 'W/"1"'), ("If-None-Match", "*")]
)
def test_a_precondition_that_fails_changes_no_level(
    manager_client: "APIClient", header: str, value: str
) -> None:
    put(a=10)
    problem(manager_client.put(ITEM, {"on_hand": 8}, headers={header: value}), 412, "precondition-failed")
    assert level("a")[0] == 10
    assert manager_client.put(ITEM, {"on_hand": 8}, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_one_of_many_who_read_the_same_level_sets_it(manager_client: "APIClient") -> None:
    """The version is judged under the row's lock. Red when it is judged before."""
    put(a=10)
    tag, answers = manager_client.get(ITEM)["ETag"], list[int]()

    def setting(on_hand: int) -> None:
        answers.append(manager_client.put(ITEM, {"on_hand": on_hand}, HTTP_IF_MATCH=tag).status_code)

    at_once([partial(setting, 20 + n) for n in range(4)])
    assert sorted(answers) == [200, 412, 412, 412]


def test_a_level_that_is_known_is_not_sent_again(
    manager_client: "APIClient", anonymous_client: "APIClient"
) -> None:
    """Each by the tag of what they see; nobody but a manager learns the version."""
    put(a=10)
    tags = [client.get(ITEM)["ETag"] for client in (manager_client, anonymous_client)]
    for client, tag in zip((manager_client, anonymous_client), tags, strict=True):
        known = client.get(ITEM, HTTP_IF_NONE_MATCH=tag)
        assert (known.status_code, known.content, known["ETag"]) == (304, b"", tag)
        assert "Authorization" in known["Vary"]
    assert tags[0] != tags[1]
    manager_client.put(ITEM, {"on_hand": 9})
    for client, tag in zip((manager_client, anonymous_client), tags, strict=True):
        assert client.get(ITEM, HTTP_IF_NONE_MATCH=tag).status_code == 200
