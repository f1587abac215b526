"""Whether the gateway, and everything behind it, is well: for machines as JSON, for people as a page."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.template.loader import render_to_string
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.http.exchange import Exchange
from gateway.proxy.http_client import ServiceError
from gateway.proxy.upstream import Call, Upstream
from shared.messaging.kafka import is_reachable

OK, UNAVAILABLE = "ok", "unavailable"
SECONDS = 4.5  # for one part to answer: a service says within 4 that its database does not
REMEMBERED_SECONDS = 1.0  # anyone may ask, so the parts are not asked more often than this
MAX_REPORT = 64 * 1024  # bytes of a part's own report

Report = dict[str, Any]


async def live(exchange: Exchange) -> None:
    """200 as long as the process answers at all."""
    await _answer(exchange, 200, {"status": OK, "service": "gateway"})


@dataclass(slots=True)
class Health:
    """Asks every service and store how it is. `realm` is the path of Keycloak's realm."""

    services: Mapping[str, Upstream]
    keycloak: Upstream
    realm: str
    redis: Redis
    kafka: str
    _summary: Report = field(default_factory=dict)
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self, exchange: Exchange) -> None:
        """200 once the process serves: without Redis it limits by itself, so Redis does not decide."""
        report = {"status": OK, "service": "gateway", "checks": {"redis": await self._ask_redis()}}
        await _answer(exchange, 200, report)

    async def all(self, exchange: Exchange) -> None:
        """Every service and every store: 200 when all are well, else 503."""
        report = await self._recent()
        status = 200 if report["status"] == OK else 503
        if not exchange.is_for_people:
            await _answer(exchange, status, report)
            return
        page = render_to_string("gateway/health.html", {"report": report, **exchange.account}).encode()
        await exchange.answer(status, [(b"content-type", b"text/html; charset=utf-8"), NO_STORE], page)

    async def _recent(self) -> Report:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._until < now:
                self._summary = await self._ask_all()
                self._until = asyncio.get_running_loop().time() + REMEMBERED_SECONDS
            return self._summary

    async def _ask_all(self) -> Report:
        redis = asyncio.ensure_future(self._ask_redis())
        kafka = asyncio.ensure_future(asyncio.to_thread(is_reachable, self.kafka))
        questions = [_ask(upstream, "/health/ready") for upstream in self.services.values()]
        keycloak, *reports = await asyncio.gather(_ask(self.keycloak, self.realm), *questions)
        services = dict(zip(self.services, reports, strict=True))
        stores = {"keycloak": keycloak["status"], "redis": await redis}
        stores["kafka"] = OK if await kafka else UNAVAILABLE
        for name, report in services.items():
            stores |= {f"{name}: {check}": state for check, state in report["checks"].items()}
        states = [*stores.values(), *(report["status"] for report in reports)]
        well = all(state == OK for state in states)
        return {"status": OK if well else UNAVAILABLE, "services": services, "stores": stores}

    async def _ask_redis(self) -> str:
        try:
            async with asyncio.timeout(SECONDS):
                await self.redis.ping()
        except (RedisError, OSError):
            return UNAVAILABLE
        return OK


async def _ask(upstream: Upstream, path: str) -> Report:
    head = f"GET {path} HTTP/1.1\r\nhost: {upstream.host}\r\naccept: application/json\r\n\r\n".encode()
    try:
        async with asyncio.timeout(SECONDS):
            answer = await upstream.call(Call("GET", head, b"", SECONDS))
            try:
                body = await _read(answer)
            finally:
                upstream.release(answer)
    except (ServiceError, TimeoutError):
        return {"status": UNAVAILABLE, "checks": {}}
    return {"status": OK if answer.status == HTTPStatus.OK else UNAVAILABLE, "checks": _checks(body)}


async def _read(answer: Any) -> bytes:
    body = b""
    while len(body) < MAX_REPORT and (piece := await answer.read(SECONDS)):
        body += piece
    return body


def _checks(body: bytes) -> dict[str, str]:
    try:
        checks = json.loads(body).get("checks", {})
    except (ValueError, AttributeError):
        return {}  # Keycloak's realm page, or a part that is not well enough to write JSON: its status says it all
    return {str(name): str(state) for name, state in checks.items()} if isinstance(checks, dict) else {}


NO_STORE = (b"cache-control", b"no-store")


async def _answer(exchange: Exchange, status: int, report: Report) -> None:
    headers = [(b"content-type", b"application/json"), NO_STORE]
    await exchange.answer(status, headers, json.dumps(report).encode())
