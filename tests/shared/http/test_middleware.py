"""What surrounds a request: trace, request id, public address, metrics, health."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from django.test import RequestFactory
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from shared.http.middleware import RequestContextMiddleware
from shared.telemetry import access, trace

pytestmark = pytest.mark.usefixtures("small_api")


def test_a_good_request_id_is_kept() -> None:
    assert (
        APIClient().get("/health/live", headers={"X-Request-ID": "abc.DEF-1:2_3"})["X-Request-ID"]
        == "abc.DEF-1:2_3"
    )


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\tb", "é", "<script>"])
def test_any_other_is_replaced(given: str) -> None:
    found = APIClient().get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"]

    assert found != given
    assert len(found) == 36


def test_every_link_leads_to_the_gateway() -> None:
    seen: list[str] = []

    def view(request: object) -> object:
        seen.append(request.build_absolute_uri("/api/x/"))  # type: ignore[attr-defined]
        from django.http import HttpResponse

        return HttpResponse()

    request = RequestFactory().get("/", headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"})
    RequestContextMiddleware(view)(request)  # type: ignore[arg-type]

    assert seen == ["http://localhost:8000/api/x/"]


def test_a_trace_goes_on_and_ends_with_the_request() -> None:
    seen: list[str] = []

    def view(request: object) -> object:
        hop = trace.current()
        seen.append(hop.trace_id if hop else "")
        from django.http import HttpResponse

        return HttpResponse()

    given = "0af7651916cd43dd8448eb211c80319c"
    for header in (f"00-{given}-b7ad6b7169203331-01", "garbage"):
        request = RequestFactory().get("/", headers={"traceparent": header})
        RequestContextMiddleware(view)(request)  # type: ignore[arg-type]

    assert seen[0] == given
    assert len(seen[1]) == 32
    assert seen[1] != given
    assert trace.current() is None


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_each_request_has_one_line_that_says_what_became_of_it(
    capfd: pytest.CaptureFixture[str], settings: Settings, log_format: str
) -> None:
    """Red when a field is left out, a path can begin a line of its own, or probes fill the log."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"log_format": log_format})
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "mine", "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    client = APIClient()
    client.get("/no%0Asuch/", headers=headers)
    client.get("/health/live")
    (line,) = capfd.readouterr().err.splitlines()
    known = {
        "method": "GET",
        "status": 404,
        "request_id": "mine",
        "trace_id": trace_id,
        "service": settings.SERVICE_NAME,
    }
    if log_format == "json":
        found = json.loads(line)
        assert found.pop("ms") >= 0
        assert datetime.fromisoformat(found.pop("timestamp")).tzinfo == UTC
        assert found == {
            **known,
            "event": "request",
            "level": "info",
            "logger": "shared.http.access",
            "path": "/no\nsuch/",
        }
    else:
        assert r"path='/no\nsuch/'" in line
        assert all(f" {name}={value}" in line for name, value in known.items())


def test_a_log_of_warnings_has_no_such_lines(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Red when `MICROCOMMERCE_LOG_LEVEL` says nothing of them."""
    caplog.set_level("WARNING", "shared.http.access")
    APIClient().get("/open/")
    assert "request" not in capfd.readouterr().err


def test_a_log_that_cannot_be_written_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer would hear that an order failed which was placed. Red where the disk's error reaches the answer."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(access, "STANDARD_ERROR", full.fileno())
        assert APIClient().get("/open/").status_code == HTTPStatus.OK


def counted(method: str, status: str) -> float:
    return REGISTRY.get_sample_value("http_requests_total", {"method": method, "status": status}) or 0.0


def test_requests_are_counted_but_methods_are_not_invented() -> None:
    before, other_before = counted("GET", "200"), counted("other", "405")

    APIClient().get("/open/")
    APIClient().generic("BREW", "/open/")

    assert counted("GET", "200") == before + 1
    assert counted("other", "405") == other_before + 1
    assert counted("BREW", "405") == 0


def test_health_and_metrics_answer_without_a_token() -> None:
    live, metrics = APIClient().get("/health/live"), APIClient().get("/metrics")

    assert (live.status_code, live.json()["status"]) == (200, "ok")
    assert b"http_requests_total" in metrics.content


def test_a_parameter_stands_there_once() -> None:
    assert APIClient().get("/open/?id=1&id=2&page=1").status_code == 200

    answer = APIClient().get("/open/?id=1&id=2&page=1&page=2&size=1&size=1")

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/problems/validation-error")
    assert [(each["field"], each["code"]) for each in answer.json()["errors"]] == [
        ("page", "repeated"),
        ("size", "repeated"),
    ]
