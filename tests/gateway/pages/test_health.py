"""Health of the gateway and of everything behind it, for machines and for people."""

import json
import time
from collections.abc import Callable

from tests.gateway.client import WAIT_SECONDS, Answer
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess, free_port
from tests.gateway.services import EchoService


def settled(gateway: GatewayProcess, path: str, is_well: Callable[[Answer], bool]) -> Answer:
    """The first answer that is well, or the last: a part that a busy machine kept for two seconds counts as away."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_well(answer := gateway.call("GET", path)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def _statuses(answer: Answer) -> dict[str, str]:
    report = answer.json()
    return {**report["stores"], **{name: part["status"] for name, part in report["services"].items()}}


def test_the_process_is_live_and_ready(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/health/live").json() == {"status": "ok", "service": "gateway"}
    answer = settled(gateway, "/health/ready", lambda answer: answer.json()["checks"]["redis"] == "ok")
    assert (answer.status, answer.json()["checks"]) == (200, {"redis": "ok"})


def test_one_service_that_is_away_makes_the_sum_503(gateway: GatewayProcess) -> None:
    well = dict.fromkeys(("product", "keycloak", "redis", "kafka"), "ok")
    answer = settled(gateway, "/health", lambda answer: well.items() <= _statuses(answer).items())
    assert (answer.status, answer.json()["status"]) == (503, "unavailable")
    assert _statuses(answer).items() >= {**well, "saga": "unavailable"}.items()


def test_all_well_is_200(start_gateway: StartGateway, echo: EchoService) -> None:
    upstreams = dict.fromkeys(("product", "basket", "order", "notification", "stock", "saga"), echo.url)
    with start_gateway(UPSTREAMS=json.dumps(upstreams)) as gateway:
        answer = settled(gateway, "/health", lambda answer: answer.status == 200)
        assert (answer.status, answer.json()["status"]) == (200, "ok")
        echo.seen.clear()
        started = time.monotonic()
        for _ in range(5):
            gateway.call("GET", "/health")
        rounds = 1 + int(time.monotonic() - started)
        assert len(echo.seen) <= len(upstreams) * rounds, "anyone may ask, so not each time the services are"


def test_a_kafka_that_is_away_is_named(start_gateway: StartGateway) -> None:
    with start_gateway(KAFKA=f"127.0.0.1:{free_port()}") as gateway:
        answer = gateway.call("GET", "/health")
        assert (answer.status, answer.json()["stores"]["kafka"]) == (503, "unavailable")
        assert gateway.call("GET", "/health/ready").status == 200, "the gateway works without it"


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
