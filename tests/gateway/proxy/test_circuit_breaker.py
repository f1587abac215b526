"""A service that takes requests and does not answer is left alone for a while."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.proxy.circuit_breaker import FAILURES, SECONDS, CircuitBreaker
from tests.gateway.process import GatewayProcess
from tests.gateway.services import ScriptedService

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_it_takes_failures_in_a_row() -> None:
    breaker = CircuitBreaker()
    for _ in range(FAILURES - 1):
        breaker.timed_out(0)
    breaker.answered()
    breaker.timed_out(0)
    assert breaker.lets_through(0)


def test_one_request_at_a_time_looks_whether_the_service_is_back() -> None:
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        breaker.timed_out(100)
    assert not breaker.lets_through(100 + SECONDS / 2)
    assert [breaker.lets_through(100 + SECONDS) for _ in range(3)] == [True, False, False]
    breaker.answered()
    assert breaker.lets_through(100 + SECONDS)


def test_a_silent_service_costs_clients_no_time_and_is_found_again(
    gateway: GatewayProcess, scripted: ScriptedService
) -> None:
    scripted.reset()
    silent = True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await scripted.request(reader)
            if silent:
                await asyncio.sleep(60)
            writer.write(GOOD)

    scripted.script = serve
    with ThreadPoolExecutor(FAILURES) as clients:
        statuses = [*clients.map(lambda _: gateway.call("GET", "/api/stock/").status, range(FAILURES))]
    assert statuses == [504] * FAILURES
    with ThreadPoolExecutor(3) as clients:  # one may look whether the service is back, if they come late
        answers = [*clients.map(lambda _: gateway.call("GET", "/api/stock/"), range(3))]
    refused = [answer.problem for answer in answers if answer.status == 503]
    assert len(refused) >= 2
    assert set(refused) == {"service-unavailable"}
    silent = False
    time.sleep(SECONDS)
    assert [gateway.call("GET", "/api/stock/").status for _ in range(2)] == [200, 200]
    scripted.reset()
