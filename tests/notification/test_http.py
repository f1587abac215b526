"""The notification API: paging, read marks, and who may see what."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.core.management import call_command
from rest_framework.test import APIClient

from apps.notification.models import Notification
from shared.testing.fixtures import ClientFor
from shared.testing.tokens import make_token
from tests.accept import BROWSER
from tests.notification.builders import tell
from tests.notification.client import bearer, listening, next_ids
from tests.notification.processes import Api

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/notifications/"


@pytest.fixture
def client(client_for: ClientFor, customer: str) -> APIClient:
    return client_for(customer)


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["results"]]


def vars_of(customer: str) -> dict[str, Any]:
    return dict(Notification.objects.values().get(customer_id=customer))


def test_a_customer_who_was_told_nothing_gets_an_empty_page(client: APIClient) -> None:
    assert client.get(URL).json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_a_notification_has_the_contracts_fields(client: APIClient, customer: str) -> None:
    [order] = tell(customer)
    [item] = client.get(URL).json()["results"]
    assert list(item) == ["id", "event", "order_id", "title", "body", "data", "created_at", "read_at"]
    assert (item["id"], item["event"], item["order_id"], item["read_at"]) == (
        1,
        "order.confirmed",
        str(order),
        None,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", item["created_at"])


def test_pages_are_in_the_order_of_ids_and_stay_as_they_are_while_more_comes(
    client: APIClient, customer: str
) -> None:
    tell(customer, 45)
    seen: list[int] = []
    url: str | None = URL
    while url:
        answer = client.get(url)
        seen += ids(answer)
        tell(customer)
        url = answer.json()["next"]
    assert seen == list(range(1, 48))


def test_after_leaves_out_what_is_known(client: APIClient, customer: str) -> None:
    tell(customer, 30)
    page = client.get(URL, {"after": 7, "page_size": 10}).json()
    assert [item["id"] for item in page["results"]] == list(range(8, 18))
    assert page["count"] == 23
    assert page["next"] == "http://localhost:8000/api/notifications/?after=7&page=2&page_size=10"
    assert ids(client.get(URL, {"after": "30"})) == []
    assert ids(client.get(URL, {"after": "9" * 18})) == []
    assert ids(client.get(URL, {"after": "0", "page_size": "3"})) == [1, 2, 3]


@pytest.mark.parametrize(
    "after", ["", "-1", "+1", "1.0", " 1", "1_0", "x", "١", "1' OR '1'='1", "9" * 19, "9" * 5000, "\x00"]
)
def test_an_after_that_is_no_id_is_a_validation_problem(client: APIClient, after: str) -> None:
    answer = client.get(URL, {"after": after})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("after", "invalid")]


def test_after_stands_there_once(client: APIClient) -> None:
    assert client.get(f"{URL}?after=1&after=2").status_code == 400


@pytest.mark.parametrize(
    ("page", "status"), [("0", 400), ("-1", 400), ("x", 400), ("99999999999999999999", 400), ("2", 404)]
)
def test_a_page_that_does_not_exist_is_not_shown(client: APIClient, page: str, status: int) -> None:
    assert client.get(URL, {"page": page}).status_code == status


def test_others_see_nothing_of_it(client: APIClient, other_client: APIClient, customer: str) -> None:
    tell(customer, 2)
    assert ids(client.get(URL)) == [1, 2]
    assert ids(other_client.get(URL)) == []
    assert ids(other_client.get(URL, {"customer_id": customer})) == []
    assert other_client.post(f"{URL}2/read/").status_code == 404
    assert not Notification.objects.filter(read_at__isnull=False).exists()


def test_a_manager_sees_only_their_own(manager_client: APIClient, customer: str) -> None:
    tell(customer)
    assert ids(manager_client.get(URL)) == []
    assert manager_client.post(f"{URL}1/read/").status_code == 404


def test_reading_counts_once(client: APIClient, customer: str) -> None:
    tell(customer, 2)
    answer = client.post(f"{URL}1/read/")
    assert (answer.status_code, answer.content) == (204, b"")
    first, second = client.get(URL).json()["results"]
    assert first["read_at"] >= first["created_at"]
    assert second["read_at"] is None
    assert client.post(f"{URL}1/read/").status_code == 204
    assert client.get(URL).json()["results"][0] == first


@pytest.mark.parametrize("id", ["0", "3", "-1", "1.0", "x", "%00", "9" * 19, "9" * 5000, "1%20OR%201=1"])
def test_an_id_that_is_not_the_callers_is_not_found(client: APIClient, customer: str, id: str) -> None:
    tell(customer, 2)
    answer = client.post(f"{URL}{id}/read/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_changes_nothing_but_the_mark(client: APIClient, customer: str) -> None:
    tell(customer)
    before = vars_of(customer)
    body = {"id": 9, "title": "mine", "customer_id": "x", "read_at": "2000-01-01T00:00:00Z"}
    assert client.post(f"{URL}1/read/", body).status_code == 204
    after = vars_of(customer)
    assert after["read_at"].year > 2000
    assert after == {**before, "read_at": after["read_at"]}


@pytest.mark.parametrize(("method", "path"), [("get", URL), ("post", f"{URL}1/read/")])
def test_who_may_call(
    client_for: ClientFor, anonymous_client: APIClient, customer: str, method: str, path: str
) -> None:
    tell(customer)
    refused = getattr(anonymous_client, method)(path)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    anonymous_client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(customer, exp=1)}")
    refused = getattr(anonymous_client, method)(path)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert getattr(client_for(customer, roles=()), method)(path).status_code == 403
    assert getattr(client_for(customer, roles=("manager",)), method)(path).status_code in {200, 204}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("post", URL, "GET, HEAD, OPTIONS"),
        ("delete", URL, "GET, HEAD, OPTIONS"),
        ("get", f"{URL}1/read/", "POST, OPTIONS"),
    ],
)
def test_what_is_not_offered_says_what_is(client: APIClient, method: str, path: str, allowed: str) -> None:
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert client.head(URL).status_code == client.options(path).status_code == 200


def test_the_browsable_api_stands_on_the_gateways_address(client: APIClient, customer: str) -> None:
    tell(customer, 30)
    answer = client.get(URL, HTTP_ACCEPT=BROWSER, HTTP_HOST="127.0.0.1:8005")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "is confirmed" in page
    assert "http://localhost:8000/api/notifications/?page=2" in page
    assert ":8005" not in page


def test_the_api_document_has_no_warnings(tmp_path: "Path") -> None:
    target = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(target))
    assert "/api/notifications/{id}/read/" in target.read_text()


# The same through Daphne, where the request crosses into a thread and back.


def call(api: Api, method: str, path: str, customer: str, **more: Any) -> requests.Response:
    headers = {**bearer(customer), **more.pop("headers", {})}
    return requests.request(method, api.url(path), headers=headers, timeout=10, **more)


def test_daphne_serves_the_same(api: Api, customer: str) -> None:
    tell(customer, 3)
    answer = call(
        api, "get", f"{URL}?after=1", customer, headers={"X-Request-ID": "mine-7", "Host": "evil.example"}
    )
    assert [item["id"] for item in answer.json()["results"]] == [2, 3]
    assert answer.headers["X-Request-ID"] == "mine-7"
    assert answer.headers["Content-Type"] == "application/json"
    assert call(api, "post", f"{URL}3/read/", customer).status_code == 204
    assert Notification.objects.get(customer_id=customer, id=3).read_at is not None
    missing = call(api, "get", "/nowhere", customer)
    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")


def test_daphne_takes_a_large_body_in_its_stride(api: Api, customer: str) -> None:
    tell(customer)
    assert call(api, "post", f"{URL}1/read/", customer, data=b"x" * 3_000_000).status_code == 204


def test_threads_give_their_connections_back(
    service_environment: dict[str, str], logs: "Path", customer: str
) -> None:
    tell(customer)
    api = Api({**service_environment, "MICROCOMMERCE_DATABASE_POOL": "1"}, logs / "pool.log").start()
    try:
        with listening(api, customer, "?after=0") as live, ThreadPoolExecutor(2) as callers:
            # Eight at once would wait for the one connection, and for no longer than three seconds.
            answers = callers.map(lambda _: call(api, "get", URL, customer).status_code, range(24))
            assert set(answers) == {200}
            assert next_ids(live, 1) == [1]
    finally:
        api.stop()


def test_links_have_the_scheme_of_the_gateway(
    service_environment: dict[str, str], logs: "Path", customer: str
) -> None:
    tell(customer, 2)
    api = Api(
        {**service_environment, "MICROCOMMERCE_GATEWAY_URL": "https://shop.example"}, logs / "https.log"
    ).start()
    try:
        page = call(api, "get", f"{URL}?page_size=1", customer, headers={"X-Forwarded-Proto": "http"}).json()
    finally:
        api.stop()
    assert page["next"] == "https://shop.example/api/notifications/?page=2&page_size=1"
