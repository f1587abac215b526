"""The process: how it stops, what it writes."""

import socket
import subprocess
import sys
import time

from gateway.http.server import GRACE_SECONDS
from shared.telemetry import trace
from tests.gateway.client import WAIT_SECONDS, as_customer, call, receive, status_of
from tests.gateway.conftest import StartGateway
from tests.gateway.process import ROOT, GatewayProcess, free_port
from tests.gateway.services import EchoService


def test_a_request_under_way_is_finished_before_it_stops(
    start_gateway: StartGateway, service: EchoService
) -> None:
    with start_gateway() as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
            connection.sendall(b"GET /api/products/?do=wait&seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            deadline = time.monotonic() + WAIT_SECONDS
            while not service.seen and time.monotonic() < deadline:
                time.sleep(0.02)
            gateway.process.terminate()
            raw = receive(connection)
        assert status_of(raw) == 200
        assert b"waited" in raw
        gateway.process.wait(WAIT_SECONDS)


def test_an_idle_process_stops_at_once(start_gateway: StartGateway) -> None:
    with start_gateway() as gateway:
        gateway.call("GET", "/api/products/")
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < GRACE_SECONDS


def test_each_request_leaves_one_line(gateway: GatewayProcess) -> None:
    hop = trace.start()
    headers = [as_customer("c0ffee"), ("X-Request-ID", "line-1"), (trace.HEADER, str(hop))]
    gateway.call("GET", "/api/basket/?secret=1", *headers)
    (line,) = gateway.lines("line-1")
    assert line["method"] == "GET"
    assert line["path"] == "/api/basket/"
    assert line["status"] == 200
    assert line["principal"] == "c0ffee"
    assert line["trace_id"] == hop.trace_id
    assert line["service"] == "gateway"
    assert 0 < line["ms"] < WAIT_SECONDS * 1000


def test_a_refusal_leaves_a_line_that_cannot_be_forged(gateway: GatewayProcess) -> None:
    gateway.call("GET", '/api/"%0a{"x', ("X-Request-ID", "line-2"))
    (line,) = gateway.lines("line-2")
    assert (line["path"], line["status"], line["principal"]) == ('/api/"%0a{"x', 400, None)


def test_no_token_is_ever_written(gateway: GatewayProcess) -> None:
    name, value = as_customer("d00d")
    gateway.call("GET", "/api/basket/", (name, value), ("X-Request-ID", "line-3"))
    assert gateway.lines("line-3")
    assert value.removeprefix("Bearer ") not in gateway.log.read_text()


def test_bad_configuration_stops_the_start() -> None:
    environment = {"MICROCOMMERCE_RATE_LIMIT": "none", "PATH": ""}
    command = [sys.executable, "-m", "gateway", "--port", "0"]
    failed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert failed.returncode != 0
    assert b"MICROCOMMERCE_RATE_LIMIT" in failed.stderr


def test_metrics_are_served_inside_only(start_gateway: StartGateway) -> None:
    port = free_port()
    with start_gateway(PROBE_PORT=str(port)) as gateway:
        assert gateway.call("GET", "/api/products/").status == 200
        assert gateway.call("GET", "/api/nothing/").status == 404
        assert gateway.call("GET", "/metrics").status == 404
        metrics = call(port, "GET", "/metrics").body.decode()
        assert call(port, "GET", "/health/ready").status == 200
    assert 'http_requests_total{method="GET",route="/api/products/",status="200"} 1.0' in metrics
    assert 'http_requests_total{method="GET",route="-",status="404"} 2.0' in metrics
    assert 'http_request_seconds_count{route="/api/products/"} 1.0' in metrics
    assert "websocket_connections 0.0" in metrics
