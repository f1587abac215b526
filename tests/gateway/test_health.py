"""Health of the gateway and of everything behind it, for machines and for people."""

import json

from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService


def test_the_process_is_live_and_ready(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/health/live").json() == {"status": "ok", "service": "gateway"}
    answer = gateway.call("GET", "/health/ready")
    assert (answer.status, answer.json()["checks"]) == (200, {"redis": "ok"})


def test_one_service_that_is_away_makes_the_sum_503(gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", "/health")
    report = answer.json()
    assert (answer.status, report["status"]) == (503, "unavailable")
    assert report["services"]["saga"]["status"] == "unavailable"
    assert report["services"]["product"]["status"] == "ok"
    assert report["stores"]["keycloak"] == report["stores"]["redis"] == "ok"


def test_all_well_is_200(start_gateway: StartGateway, echo: EchoService) -> None:
    upstreams = dict.fromkeys(("product", "basket", "order", "notification", "stock", "saga"), echo.url)
    with start_gateway(UPSTREAMS=json.dumps(upstreams)) as gateway:
        answer = gateway.call("GET", "/health")
        assert (answer.status, answer.json()["status"]) == (200, "ok")
        echo.seen.clear()
        for _ in range(5):
            gateway.call("GET", "/health")
        assert len(echo.seen) <= len(upstreams), "anyone may ask, so the services are not asked each time"


def test_people_get_a_page(gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", "/health", ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"))
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<td>saga<td>unavailable" in answer.body


def test_the_gateway_says_who_is_missing_before_it_starts(environment: dict[str, str]) -> None:
    from django.conf import settings

    from gateway.apps import every_route_leads_somewhere

    settings.ENVIRONMENT.upstreams.pop("saga", None)
    assert [(error.id, "saga" in error.msg) for error in every_route_leads_somewhere()] == [
        ("gateway.E001", True)
    ]
