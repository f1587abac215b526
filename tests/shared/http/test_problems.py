"""Errors are problem documents (RFC 9457), whoever raised them, and say nothing that is nobody's business."""

from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from shared.http.problems import flatten

pytestmark = pytest.mark.usefixtures("small_api", "trusted_realm")

TRACE = "0af7651916cd43dd8448eb211c80319c"
EXPECTED = {
    "problem": (409, "out-of-coffee"),
    "not-found": (404, "not-found"),
    "denied": (403, "forbidden"),
    "throttled": (429, "too-many-requests"),
    "database": (503, "store-unavailable"),
    "redis": (503, "store-unavailable"),
    "bug": (500, "internal-error"),
}


@pytest.fixture
def client() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.mark.parametrize(("how", "expected"), EXPECTED.items(), ids=EXPECTED.keys())
def test_every_failure_has_its_document(client: APIClient, how: str, expected: tuple[int, str]) -> None:
    response = client.get(f"/fails/{how}/", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})

    status, slug = expected
    document = response.json()
    assert response.status_code == document["status"] == status
    assert response["Content-Type"] == "application/problem+json"
    assert document["type"] == f"{settings.GATEWAY_URL}/problems/{slug}"
    assert document["instance"] == f"/fails/{how}/"
    assert document["trace_id"] == TRACE
    assert document["title"]
    assert document["detail"]
    assert b"secret" not in response.content


def test_a_problem_brings_its_members_and_headers(client: APIClient) -> None:
    response = client.get("/fails/problem/")

    assert (response["Retry-After"], response.json()["cups"]) == ("7", 3)
    assert (response.json()["title"], response.json()["detail"]) == ("There is no coffee", "Put some on.")


@pytest.mark.parametrize(("how", "seconds"), [("throttled", "12"), ("database", "2"), ("redis", "2")])
def test_who_should_come_back_is_told_when(client: APIClient, how: str, seconds: str) -> None:
    assert client.get(f"/fails/{how}/")["Retry-After"] == seconds


def test_every_wrong_value_of_a_body_is_named(client: APIClient) -> None:
    lines = [{"quantity": 1}, {"quantity": 0}, {}, "x"]

    response = client.post("/orders/", {"price": "1e3", "lines": lines})

    assert response.status_code == 400
    assert response.json()["type"].endswith("/problems/validation-error")
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [
        ("price", "invalid"),
        ("lines.1.quantity", "min_value"),
        ("lines.2.quantity", "required"),
        ("lines.3", "invalid"),
    ]
    assert all(error["detail"] for error in response.json()["errors"])


@pytest.mark.parametrize(("send", "status", "slug"), [
    (lambda c: c.get("/nowhere/"), 404, "not-found"),
    (lambda c: c.get("/nowhere/%ff%00"), 404, "not-found"),
    (lambda c: c.delete("/open/"), 405, "method-not-allowed"),
    (lambda c: c.get("/open/", headers={"Accept": "application/xml"}), 406, "not-acceptable"),
    (lambda c: c.post("/echo/", "a=1", content_type="application/x-www-form-urlencoded"), 415, "unsupported-media-type"),
    (lambda c: c.post("/echo/", b"{", content_type="application/json"), 400, "malformed-body"),
    (lambda c: c.post("/customers/", {}), 401, "not-authenticated"),
])  # fmt: skip
def test_refusals_on_the_way_to_a_view(client: APIClient, send: Any, status: int, slug: str) -> None:
    response = send(client)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"].endswith(f"/problems/{slug}")


def test_a_refusal_says_what_would_be_taken(client: APIClient) -> None:
    """RFC 9110, sections 12.5.1, 12.5.3 and 15.5.6: `Accept-Encoding` with no other 415."""
    refused: Any = client.delete("/open/")
    assert refused["Allow"] == "GET, POST, HEAD, OPTIONS"
    refused = client.post("/echo/", "a=1", content_type="text/plain")
    assert (refused["Accept"], "Accept-Encoding" in refused) == ("application/json", False)


def test_flatten_names_places() -> None:
    nested = {"a": ["x"], "b": {"c": ["y", "z"]}, "d": [{}, {"e": ["w"]}], "non_field_errors": ["v"]}

    assert [(error["field"], error["detail"]) for error in flatten(nested)] == [
        ("a", "x"),
        ("b.c", "y"),
        ("b.c", "z"),
        ("d.1.e", "w"),
        ("", "v"),
    ]
