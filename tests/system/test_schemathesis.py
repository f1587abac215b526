"""Schemathesis draws requests from the OpenAPI document, good ones and bad ones, and judges every answer by it.

All of its checks are on. Of each operation come the document's examples, every limit of every value from both sides,
methods that the document does not name, and then `Sizes.drawn` requests at random: the same in every run, new ones with
`--release`. What JSON Schema can say, the document says (`shared.http.openapi_extensions`), so a good request must be taken and a
bad one refused. What it cannot say is said here, in `_make_true`: what exists, what was never used before.
"""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from requests.adapters import HTTPAdapter
from schemathesis.core.parameters import ParameterLocation
from urllib3.util import Retry

from tests.system.caller import NOT_BEGUN, TRIES
from tests.system.conftest import AT_ONCE, NewShopper
from tests.system.described import FILE
from tests.system.pictures import png
from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper

Json = dict[str, Any]
Case = schemathesis.Case[Any]

TIMEOUT = 60  # seconds
# A shop without time for it, on a machine that stood still, is asked again.
PATIENT = Retry(
    TRIES - 1,
    connect=0,
    read=0,
    redirect=0,
    status_forcelist={NOT_BEGUN},
    allowed_methods=None,
    raise_on_status=False,
)
MADE_AWAY_WITH = {"/api/products/", "/api/categories/"}
PICTURE = "/media/products/picture.svg"
LONGEST_SLUG, LONGEST_KEY = 200, 255

# The callers here have tokens: a made-up cookie beside one would look like a bad sign-in that was taken.
described = json.loads(FILE.read_text())
for operations in described["paths"].values():
    for operation in operations.values():
        operation["security"] = [each for each in operation["security"] if "session" not in each]
schema = schemathesis.openapi.from_dict(described)
schema.config.generation.update(allow_x00=False)  # no text may hold NUL, in members without a schema either
ACCEPTED = schema.config.checks.positive_data_acceptance
ACCEPTED.expected_statuses = [*ACCEPTED.expected_statuses, "412"]  # well said, and `If-Match` forbids it
REFUSED = schema.config.checks.negative_data_rejection
REFUSED.expected_statuses = [
    *REFUSED.expected_statuses,
    "412",  # what is wrong is a header that nobody knows, and `If-Match` forbids it first
    "414",  # a list too long, in an address that is too long
]
# That a customer is refused there is told by `test_roles`, of each.
for_customers = schema.exclude(
    lambda found: found.operation.definition.raw["description"].endswith("For managers.")
)


@dataclass
class Things:
    """What was made to be tried on. Nothing else in the shop is changed."""

    manager: Shopper
    customer: Shopper
    bought: list[Product]
    picture: bytes  # a file that is one
    ids: dict[str, str]  # address, up to a parameter or whole -> what to put there
    made: list[str] = field(default_factory=list)  # addresses of what the drawn requests made


@pytest.fixture(scope="module")
def things(shop: Shop, new_shopper: NewShopper, new_manager: NewShopper) -> Iterator[Things]:
    manager, customer = new_manager(), new_shopper()
    *bought, edited, doomed = shop.products(5, stock=1000)
    shelf, doomed_shelf = shop.category()["id"], shop.category()["id"]
    order, to_cancel = [customer.place((bought[0], 1)) for _ in range(2)]
    picture = manager.read("/api/products/", search="coffee")["results"][0]["image"].rpartition("/")[2]
    ids = {
        "/api/products/{id}": edited.id,
        "DELETE /api/products/{id}/": doomed.id,
        "/api/categories/{id}": shelf,
        "DELETE /api/categories/{id}/": doomed_shelf,
        "/api/categories/{id}/products/{product_id}": edited.id,
        "/api/stock/{product_id}": bought[0].id,
        "/api/basket/items/{product_id}": bought[0].id,
        "/api/orders/{id}": order,
        "/api/orders/{id}/cancel/": to_cancel,
        "/api/sagas/{id}": customer.saga(order)["id"],
        "/api/notifications/{id}": customer.told(order, "order.confirmed")["id"],
        "/media/products/{picture}": picture,
    }
    found = Things(manager, customer, bought, png(), ids)
    yield found
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda address: manager.insist("DELETE", address), found.made))
    for category in (shelf, doomed_shelf):
        manager.insist("DELETE", f"/api/categories/{category}/")


@schema.parametrize()
def test_as_a_manager(case: Case, manager: Shopper, things: Things) -> None:
    """Red where a good request is refused, a bad one taken, an answer not as described, or there is a 5xx.

    As it was at first: OPTIONS of a stock level (500; take `get_object` out of `apps.stock.views.StockDetail`).
    """
    _judge(case, things.manager, things)


@for_customers.parametrize()
def test_as_a_customer(case: Case, things: Things) -> None:
    """As above, and red where a customer's own things can be had without a token.

    As it was at first: an offset of 16 hours (500; take `astimezone` out of `apps.order.filters`).
    """
    _judge(case, things.customer, things)


def _judge(case: Case, caller: Shopper, things: Things) -> None:
    assert caller.log_in
    _make_true(case, things)
    headers = {"Authorization": f"Bearer {caller.log_in.token}"}
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=PATIENT))
        answer = case.call_and_validate(
            base_url=caller.address, session=session, headers=headers, timeout=TIMEOUT
        )
    if answer.status_code == 201 and case.path in MADE_AWAY_WITH:
        things.made.append(answer.headers["location"][0])


def _make_true(case: Case, things: Things) -> None:
    """Put what exists, and what is new, where a good value stands."""
    if _is_good(case, ParameterLocation.PATH):
        case.path_parameters = {
            name: _existing(case, name, things) or value for name, value in case.path_parameters.items()
        }
    if _is_good(case, ParameterLocation.HEADER) and (key := case.headers.get("Idempotency-Key")):
        case.headers["Idempotency-Key"] = _new(key, LONGEST_KEY)
    if _is_good(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = _true_body(_written_usually(case.body), things)


def _is_good(case: Case, location: ParameterLocation) -> bool:
    return case.meta is None or not case.meta.is_negative_at(location)


def _existing(case: Case, name: str, things: Things) -> str | None:
    place = case.path[: case.path.index(f"{{{name}}}")] + f"{{{name}}}"
    addresses = (f"{case.method} {case.path}", case.path, place)
    return next((things.ids[address] for address in addresses if address in things.ids), None)


def _written_usually(value: Any) -> Any:
    """JSON Schema takes 2.0 for a whole number; the API wants it written 2, money least of all as a float."""
    if isinstance(value, dict):
        return {name: _written_usually(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_written_usually(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _true_body(body: Json, things: Things) -> Json:
    """References lead somewhere, no product stands twice, no name was ever used, pictures have public addresses."""
    true = dict(body)
    if items := body.get("items"):
        pairs = zip(items, things.bought, strict=False)
        true["items"] = [{**item, "product_id": product.id} for item, product in pairs]
    if "product_id" in body:
        true["product_id"] = things.ids["/api/products/{id}"]
    if body.get("categories"):
        true["categories"] = [things.ids["/api/categories/{id}"]]
    if body.get("slug"):
        true["slug"] = _new(body["slug"], LONGEST_SLUG)
    if body.get("image"):
        true["image"] = PICTURE
    if "picture" in body:
        true["picture"] = things.picture
    return true


def _new(text: str, longest: int) -> str:
    tail = uuid.uuid4().hex
    return text[: longest - len(tail)] + tail
