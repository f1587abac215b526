"""How many requests one caller may send."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from websockets.exceptions import InvalidStatus

from gateway.errors import TooManyRequests
from gateway.security.client_network import network
from gateway.security.rate_limit import RateLimiter
from tests.accept import BROWSER
from tests.gateway.client import as_customer
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess, free_port
from tests.gateway.proxy.test_websocket_proxy import opened, refused
from tests.gateway.services import EchoService

ALLOWED = 6


@pytest.fixture(autouse=True)
def untouched(clean_redis: Redis) -> Iterator[None]:
    """Every test finds full buckets and leaves none."""
    clean_redis.flushdb()
    yield
    clean_redis.flushdb()


@pytest.fixture
def strict(start_gateway: StartGateway, clean_redis: Redis) -> Iterator[GatewayProcess]:
    """A gateway that allows six requests in ten minutes: none comes back while a test runs."""
    with start_gateway(RATE_LIMIT=str(ALLOWED), RATE_SECONDS="600") as gateway:
        clean_redis.flushdb()
        yield gateway


def _statuses(gateway: GatewayProcess, count: int, *headers: tuple[str, str]) -> list[int]:
    return [gateway.call("GET", "/api/products/", *headers).status for _ in range(count)]


def test_an_address_has_its_share(strict: GatewayProcess, service: EchoService) -> None:
    assert _statuses(strict, ALLOWED * 2) == [200] * ALLOWED + [429] * ALLOWED
    assert len(service.seen) == ALLOWED


def test_finding_out_who_asks_for_nothing_is_counted(strict: GatewayProcess) -> None:
    """Red where a page of a 404 looks up whatever cookie or token comes, as often as it comes."""
    browser = ("Accept", BROWSER)
    pages = [strict.call("GET", "/nothing/", browser, as_customer()) for _ in range(ALLOWED + 1)]
    assert {page.status for page in pages} == {404}
    assert [b"(customer)" in page.body for page in pages] == [True] * ALLOWED + [False]
    assert b"Not signed in" not in pages[-1].body
    assert _statuses(strict, 1) == [429]


def test_whoever_sends_too_much_is_not_asked_who_it_is(strict: GatewayProcess) -> None:
    """Red where the page of a 429 costs a look at a cookie or a token."""
    _statuses(strict, ALLOWED)
    page = strict.call("GET", "/api/products/", ("Accept", BROWSER), as_customer())
    assert (page.status, page.headers["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert b"(customer)" not in page.body


def test_a_handshake_is_counted_and_refused_like_a_request(
    strict: GatewayProcess, service: EchoService
) -> None:
    """Red when WebSocket goes round the limit, or has a share of its own."""
    assert _statuses(strict, ALLOWED) == [200] * ALLOWED
    assert refused(strict, as_customer()) == 429
    assert service.sockets == []


def test_handshakes_use_up_what_requests_would(strict: GatewayProcess) -> None:
    for _ in range(ALLOWED):
        with suppress(InvalidStatus), opened(strict, as_customer()):
            pass
    assert refused(strict, as_customer()) == 429
    assert _statuses(strict, 1) == [429]


def test_a_refusal_says_when_to_come_back(start_gateway: StartGateway, clean_redis: Redis) -> None:
    """A token comes back every two seconds, and three quarters of the next one are there."""
    with start_gateway(RATE_LIMIT=str(ALLOWED), RATE_SECONDS=str(2 * ALLOWED)) as gateway:
        # Written as of a minute ahead: nothing comes back before the first request, however late it is.
        later = int(time.time() * 1000) + 60_000
        clean_redis.hset("gateway:limit:address:127.0.0.1", mapping={"tokens": 0.75, "at": later})
        answer = gateway.call("GET", "/api/products/")
        assert (answer.status, answer.problem) == (429, "too-many-requests")
        assert answer.headers["RateLimit"] == '"address";r=0;t=1'
        assert answer.headers["RateLimit-Policy"] == f'"address";q={ALLOWED};w={2 * ALLOWED}'
        time.sleep(int(answer.headers["Retry-After"]))
        assert gateway.call("GET", "/api/products/").status == 200


def test_a_user_has_a_share_of_their_own(start_gateway: StartGateway, clean_redis: Redis) -> None:
    """For requests and WebSockets. Red when an opening counts against its address alone."""
    with start_gateway(RATE_LIMIT="40", RATE_SECONDS="600") as gateway:
        clean_redis.hset("gateway:limit:user:busy", mapping={"tokens": 0, "at": int(time.time() * 1000)})
        answer = gateway.call("GET", "/api/products/", as_customer("busy"))
        assert (answer.status, answer.problem) == (429, "too-many-requests")
        assert answer.headers["RateLimit"].startswith('"user";r=0')
        assert refused(gateway, as_customer("busy")) == 429
        assert gateway.call("GET", "/api/products/", as_customer("idle")).status == 200


def test_what_is_left_is_told(start_gateway: StartGateway, clean_redis: Redis) -> None:
    """Also from one block to the next. Half a minute passes before a token comes back."""
    with start_gateway(RATE_LIMIT="100", RATE_SECONDS="3600") as gateway:
        left = [_left(gateway) for _ in range(60)]
    assert left == list(range(left[0], left[0] - 60, -1))


def _left(gateway: GatewayProcess) -> int:
    return int(gateway.call("GET", "/api/products/").headers["RateLimit"].split("r=")[1].split(";")[0])


def test_sign_in_has_a_small_share_of_its_own(start_gateway: StartGateway, clean_redis: Redis) -> None:
    """Red when one address may ask for the sign-in page as often as for anything else."""
    with start_gateway(SIGN_IN_LIMIT="4", SIGN_IN_SECONDS="600") as gateway:
        paths = ("/login/", "/register/", "/oidc/callback/?code=a&state=b")
        assert [gateway.call("GET", path).status for path in paths] == [302, 302, 400]
        assert gateway.call("HEAD", "/login/").status == 302
        for path in paths:
            answer = gateway.call("GET", path)
            assert (answer.status, answer.problem) == (429, "too-many-requests")
            assert answer.headers["RateLimit-Policy"] == '"sign-in";q=4;w=600'
            assert "for sign-in from this address" in answer.json()["detail"]
        assert gateway.call("GET", "/api/products/").status == 200


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("", ""),
        ("a:b", "a:b"),
    ],
)
def test_an_ipv6_customer_is_one_customer(address: str, name: str) -> None:
    assert network(address) == name


def test_all_addresses_of_a_customer_share_one_bucket(
    start_gateway: StartGateway, clean_redis: Redis
) -> None:
    """Red when each of the 2^64 addresses that one customer has gets a share."""
    with start_gateway(RATE_LIMIT="4", RATE_SECONDS="600", TRUSTED_PROXIES="1") as gateway:
        clean_redis.flushdb()
        calls = [
            gateway.call("GET", "/api/products/", ("X-Forwarded-For", f"2001:db8:0:{net}::{host}")).status
            for net, hosts in ((1, 6), (2, 1))
            for host in range(hosts)
        ]
        assert calls == [200] * 4 + [429] * 2 + [200]


def test_processes_share_a_bucket(start_gateway: StartGateway, clean_redis: Redis) -> None:
    share = {"RATE_LIMIT": "19", "RATE_SECONDS": "3600"}  # blocks of one: exact
    with start_gateway(**share) as one, start_gateway(**share) as other:
        clean_redis.flushdb()
        statuses = [_statuses(gateway, 1)[0] for _ in range(30) for gateway in (one, other)]
    assert statuses.count(200) == 19


async def test_who_comes_with_many_others_is_let_in_while_there_is_room(clean_redis: Redis) -> None:
    """Red where those who wait for one block of the bucket are refused once it is handed out, though most of the bucket is left."""
    settings = clean_redis.connection_pool.connection_kwargs
    redis = AsyncRedis(host=settings["host"], port=settings["port"], db=settings["db"])
    limiter = RateLimiter(redis, "address", 100, 600)
    admitted = await asyncio.gather(*(limiter.admit("somebody") for _ in range(110)), return_exceptions=True)
    await redis.aclose()
    assert sum(isinstance(each, TooManyRequests) for each in admitted) == 10


def test_redis_is_asked_once_for_many_requests(start_gateway: StartGateway, clean_redis: Redis) -> None:
    with start_gateway(RATE_LIMIT="2000", RATE_SECONDS="3600") as gateway:
        taken = set()
        for _ in range(90):
            assert _statuses(gateway, 1) == [200]
            taken.add(_tokens(clean_redis, "address:127.0.0.1"))
    assert taken == {1900}


def _tokens(redis: Redis, bucket: str) -> int:
    found: Any = redis.hget(f"gateway:limit:{bucket}", "tokens")
    return int(float(found))


def test_without_redis_requests_go_on_within_a_limit(start_gateway: StartGateway) -> None:
    away = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "RATE_LIMIT": "20", "RATE_SECONDS": "3600"}
    with start_gateway(**away) as gateway:
        statuses = _statuses(gateway, 40)
        assert statuses[0] == 200
        assert 15 <= statuses.count(200) <= 20
        assert "limits by itself" in gateway.log.read_text()


def test_a_probe_is_not_counted(strict: GatewayProcess) -> None:
    assert _statuses(strict, ALLOWED + 1)[-1] == 429
    assert [strict.call("GET", path).status for path in ("/health/live", "/health/ready")] == [200, 200]
