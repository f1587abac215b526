"""Programs get JSON, people with a browser get pages, and what went wrong is told whatever was accepted."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from shared.http.accept import takes_data, wants_page

pytestmark = pytest.mark.usefixtures("small_api", "trusted_realm")

BROWSERS = {
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Chrome": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7",
    "Safari": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Edge": "text/html, application/xhtml+xml, image/jxr, */*",
    "Lynx": "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01",
    "the browsable pages' own forms": "text/html,application/xhtml+xml",
}
PROGRAMS = {
    "nothing": "",
    "curl": "*/*",
    "the JDK": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "axios": "application/json, text/plain, */*",
    "only HTML": "text/html",
    "jQuery": "text/html; q=1.0, */*",
    "a problem": "application/problem+json",
    "JSON beside all that browsers name": "text/html,application/xhtml+xml,application/json;q=0.1",
    "XML before HTML": "application/xml, text/html;q=0.5, application/xhtml+xml;q=0.5",
    "no HTML at all": "text/html;q=0, application/xhtml+xml, */*",
    "a broken weight": "text/html;q=x, application/xhtml+xml;q=",
    "a list of commas": ",,;;q=1,",
}
NEITHER = [
    "image/png",
    "application/xml",
    "application/json;q=0, text/plain",
    "*/*;q=0",
    "application/json;q=0",
]


@pytest.mark.parametrize("accept", BROWSERS.values(), ids=BROWSERS.keys())
def test_a_browser_gets_a_page(accept: str) -> None:
    answer = APIClient().get("/open/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Accept" in answer["Vary"]


@pytest.mark.parametrize("accept", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_gets_json(accept: str) -> None:
    """Red when a name that a client's library puts there by itself decides."""
    for answer in (
        APIClient().get("/open/", headers={"Accept": accept}),
        APIClient().post("/echo/", {"a": 1}, format="json", headers={"Accept": accept}),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert "Accept" in answer["Vary"]


def test_the_address_can_say_it() -> None:
    assert APIClient().get("/open/?format=api")["Content-Type"] == "text/html; charset=utf-8"
    json = APIClient().get("/open/?format=json", headers={"Accept": BROWSERS["Firefox"]})
    assert json["Content-Type"] == "application/json"
    assert APIClient().get("/open/?format=xml").status_code == 404


@pytest.mark.parametrize("accept", NEITHER)
def test_what_is_there_and_cannot_be_written_as_asked_is_406(accept: str) -> None:
    answer = APIClient().get("/open/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")
    assert answer.json()["type"].endswith("/problems/not-acceptable")
    assert (answer["Accept"], answer["Vary"]) == ("application/json", "Accept")


@pytest.mark.parametrize("accept", [*NEITHER, *PROGRAMS.values()])
def test_what_went_wrong_is_told_whatever_was_accepted(accept: str) -> None:
    """Red when negotiation comes first and 406 hides the error."""
    client = APIClient(raise_request_exception=False, headers={"Accept": accept})
    answers: list[tuple[Any, int]] = [
        (client.get("/fails/not-found/"), 404),
        (client.get("/fails/bug/"), 500),
        (client.get("/customers/"), 401),
        (client.delete("/open/"), 405),
        (client.post("/echo/", b"{", content_type="application/json"), 400),
        (client.post("/orders/", {"price": "x"}, format="json"), 400),
        (client.post("/echo/", b"a", content_type="text/plain"), 415),
    ]
    for answer, status in answers:
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("accept", [*NEITHER, *PROGRAMS.values(), *BROWSERS.values()])
def test_nothing_stays_nothing(accept: str) -> None:
    """Red when the browsable page makes a 200 of a 204, or a change that was made is told as 406."""
    answer = APIClient().delete("/gone/", headers={"Accept": accept})
    assert (answer.status_code, answer.content) == (204, b"")
    assert APIClient().delete("/gone/?format=api").status_code == 204


def test_a_plain_view_refuses_in_a_document_too() -> None:
    options: Any = APIClient().options("/plain/")
    assert (options.status_code, options.content) == (204, b""), "what the 405 says there is"
    assert options["Allow"] == "GET, HEAD, OPTIONS"
    for method in ("POST", "DELETE"):
        answer: Any = APIClient().generic(method, "/plain/")
        assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
        assert answer.json()["type"].endswith("/problems/method-not-allowed")
        assert answer["Allow"] == "GET, HEAD, OPTIONS"
    assert APIClient().get("/plain/", headers={"Accept": "text/plain"}).status_code == 200


def test_the_more_specific_range_counts() -> None:
    assert takes_data("*/*;q=0, application/json")
    assert takes_data("application/*, */*;q=0")
    assert not takes_data("application/json;q=0, application/problem+json;q=0, text/html;q=0, */*")
    assert not wants_page("text/html;q=0.5, application/xhtml+xml, */*;q=0.1")
