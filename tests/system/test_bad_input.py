"""Wrong bodies, ids, queries, methods and addresses: a documented 4xx, nothing changed, no message sent.

What each wrong request is, is in `bad_values.py` and `bad_addresses.py`.
"""

import http.client
import itertools
import json
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from launcher.system import SERVICES, process_name
from tests.system.bad_addresses import GOOD_BODY, LEAD_NOWHERE, LOOK_UPS, MEAN_NOTHING, NOT_ALLOWED, TRICKS
from tests.system.bad_values import BROKEN, CUSTOMERS, MANAGERS, WITH_BODIES, Wrong, filled_in
from tests.system.conftest import NewShopper, Settle
from tests.system.endpoints import LISTS
from tests.system.platform import INSTANCE, Platform
from tests.system.problems import problem
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Shopper
from tests.system.tables import cells, in_turn
from tests.system.waiting import eventually

Places = dict[str, str]
AT_ONCE, TRIES = timedelta(seconds=1), 8
PAUSE = 0.5  # seconds, for whatever keeps the machine
TRACE = re.compile(r"\btrace_id=([0-9a-f]{32})\b")
REFUSED: list[requests.Response] = []


@pytest.fixture(scope="module")
def customer(new_shopper: NewShopper) -> Shopper:
    return new_shopper()


@pytest.fixture(scope="module")
def places(shop: Shop, customer: Shopper) -> Places:
    """Things that exist, for requests in which something else is wrong."""
    product = shop.product(stock=5)
    order_id = customer.place((product, 1))
    customer.told(order_id, "order.confirmed")
    category = customer.read("/api/categories/")["results"][0]["id"]
    customer.put_in_basket(product, 1)
    return {"product": product.id, "order": order_id, "category": category}


@pytest.fixture(scope="module", autouse=True)
def each_is_answered_at_once_and_logged_once(nothing_changes: None) -> Iterator[None]:
    """Red when a wrong value costs a search, a retry or a time-out, or fills the log with its traceback."""
    yield
    assert not [answer.request.path_url for answer in REFUSED if _takes_long(answer)]
    asked = {
        answer.json()["trace_id"]: f"{answer.request.method} {answer.request.url} {answer.status_code}"
        for answer in REFUSED
    }
    eventually(
        lambda: asked.keys() - _lines("gateway", asked).keys(), lambda left: not left, what="a line for each"
    )
    for owner in SERVICES:
        written = _lines(process_name(owner, owner.roles[0]), asked)
        often = [lines for lines in written.values() if len(lines) > 1]
        assert not often, often[:3]


def refused(answer: requests.Response, status: int, slug: str = "") -> Any:
    """As `problem`, and remembered until the end."""
    REFUSED.append(answer)
    return problem(answer, status, slug)


def _takes_long(answer: requests.Response) -> bool:
    """Again and again, so it is the request and not whatever the machine did besides."""
    tries = [answer]
    while tries[-1].elapsed > AT_ONCE and len(tries) < TRIES:
        time.sleep(PAUSE)
        with requests.Session() as session:
            tries.append(session.send(answer.request, allow_redirects=False, timeout=60))
    return tries[-1].elapsed > AT_ONCE


def _lines(part: str, traces: Collection[str]) -> dict[str, list[str]]:
    """What a process has written about each of these requests."""
    found: dict[str, list[str]] = defaultdict(list)
    logs = list(INSTANCE.logs.glob(f"{part}.log*"))
    assert logs, part
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            for trace in TRACE.findall(line):
                if trace in traces:
                    found[trace].append(line)
    return found


@pytest.fixture(scope="module")
def nothing_changes(places: Places, settle: Settle, records: Records) -> Iterator[None]:
    """All of it together left no trace in any store, and sent nothing."""
    settle()
    with records.nothing_changes():
        yield


@pytest.mark.parametrize("wrong", CUSTOMERS, ids=str)
def test_a_customers_wrong_field(wrong: Wrong, customer: Shopper, places: Places) -> None:
    """400 that names the field. Red when a wrong value is taken, breaks the service, or is not named."""
    _is_refused(wrong, customer, places)


@pytest.mark.parametrize("wrong", MANAGERS, ids=str)
def test_a_managers_wrong_field(wrong: Wrong, manager: Shopper, places: Places) -> None:
    """As above."""
    _is_refused(wrong, manager, places)


def _is_refused(wrong: Wrong, caller: Shopper, places: Places) -> None:
    path, body = wrong.path.format(**places), filled_in(wrong.body, places)
    document = refused(caller.send(wrong.method, path, json=body), 400, "validation-error")
    named = {error["field"] for error in document["errors"]}
    assert any(name == wrong.field or name.startswith(f"{wrong.field}.") for name in named), document[
        "errors"
    ]


# In every run of the tests: each at each service, and each look-up at one list.
BROKEN_IN_EVERY_RUN = {
    (*row.split(), kind)
    for row, kind in in_turn(list(BROKEN), map(" ".join, WITH_BODIES), lambda row: row.split("/")[2])
}
LOOK_UPS_IN_EVERY_RUN = in_turn(LOOK_UPS, LISTS, lambda _: "all")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    cells(((*each, kind) for each in WITH_BODIES for kind in BROKEN), BROKEN_IN_EVERY_RUN),
)
def test_a_body_that_is_broken(method: str, path: str, kind: str, manager: Shopper, places: Places) -> None:
    """Refused before anybody looks at its fields. Red at a 5xx, or when a parser is more lenient than JSON."""
    content, status = BROKEN[kind]
    headers = {"Content-Type": "application/json"}
    refused(manager.send(method, path.format(**places), data=content, headers=headers), status)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "text/xml"])
@pytest.mark.parametrize(("method", "path"), WITH_BODIES)
def test_a_body_that_is_no_json(
    method: str, path: str, media_type: str, manager: Shopper, places: Places
) -> None:
    """The API speaks JSON. Red when a form of a foreign page would be taken."""
    headers = {"Content-Type": media_type}
    refused(manager.send(method, path.format(**places), data=json.dumps(GOOD_BODY), headers=headers), 415)


@pytest.mark.parametrize(
    ("method", "path", "wrong"),
    [(method, path, wrong) for method, path, ids in LEAD_NOWHERE for wrong in ids],
)
def test_an_address_that_leads_nowhere(method: str, path: str, wrong: str, manager: Shopper) -> None:
    """404, whatever stands for an id. Red at a 5xx, or when a store is asked with it."""
    body = None if method in {"GET", "DELETE"} else GOOD_BODY
    refused(manager.send(method, path.format(wrong), json=body), 404)


@pytest.mark.parametrize(("path", "query", "status"), MEAN_NOTHING, ids=lambda value: str(value)[:40])
def test_a_query_that_means_nothing(path: str, query: str, status: int, manager: Shopper) -> None:
    """Said to be wrong instead of ignored. Red at a 5xx, or at an answer to something else than was asked."""
    refused(manager.send("GET", f"{path}?{query}"), status)


@pytest.mark.parametrize(("path", "query"), cells(itertools.product(LISTS, LOOK_UPS), LOOK_UPS_IN_EVERY_RUN))
def test_a_query_is_no_door_to_the_tables(path: str, query: str, manager: Shopper, customer: Shopper) -> None:
    """Names of columns mean nothing outside. Red when a query that nobody documented narrows or widens a list."""
    caller = manager if path == "/api/dead-letters/" else customer
    plain, asked = caller.read(f"{path}?page_size=5"), caller.read(f"{path}?page_size=5&{query}")
    assert plain["count"] > 0 or path == "/api/dead-letters/"
    assert (asked["count"], asked["results"]) == (plain["count"], plain["results"])


@pytest.mark.parametrize(("method", "path"), NOT_ALLOWED)
def test_what_nobody_may_do(method: str, path: str, manager: Shopper, places: Places) -> None:
    """405 that says what can be done. Red when a method that no contract names gets through."""
    answer = manager.send(method, path.format(**places))
    refused(answer, 405)
    assert method not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", TRICKS)
def test_an_address_that_can_be_read_in_two_ways(path: str, platform: Platform, manager: Shopper) -> None:
    """Refused by the gateway. Red when it is straightened out and let through: a service may read it otherwise."""
    assert manager.log_in
    host = urlsplit(platform.urls["gateway"]).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {manager.log_in.token}"})
    answer = connection.getresponse()
    assert answer.status in {400, 404}, path
    assert json.load(answer)["status"] == answer.status
    connection.close()


def test_another_host(manager: Shopper) -> None:
    """A request for another site is not ours. Red without `raise UnknownHost`."""
    refused(manager.send("GET", "/api/products/", headers={"Host": "evil.example"}), 400, "unknown-host")


@pytest.mark.parametrize("key", ["x" * 256, "two words", "", "tab\there"])
def test_an_idempotency_key_that_is_none(key: str, customer: Shopper, places: Places) -> None:
    """1 to 255 visible characters. Red when a longer one is cut, or one that is none is taken."""
    body = {"shipping_address": ADDRESS, "items": [{"product_id": places["product"], "quantity": 1}]}
    answer = customer.send("POST", "/api/orders/", json=body, headers={"Idempotency-Key": key})
    refused(answer, 400, "idempotency-key-invalid")
