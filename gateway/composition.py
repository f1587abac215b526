"""Puts the front door together from the settings, inside the running event loop."""

import asyncio
import contextlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from gateway.app import Application, GatewayApp
from gateway.http.access_log import AccessLog
from gateway.http.metrics import Metrics
from gateway.http.request_body import BodyBudget, BodyReader
from gateway.pages import api_index, problem_pages
from gateway.pages.health import Health, live
from gateway.pages.openapi_view import OpenApiView
from gateway.proxy.cache_invalidation import TopicListener
from gateway.proxy.caching_proxy import CachingProxy
from gateway.proxy.http_proxy import HttpProxy
from gateway.proxy.upstream import Upstream
from gateway.proxy.websocket_proxy import WebSocketProxy
from gateway.router import Router
from gateway.routes import ROUTES
from gateway.security.admission import Admission
from gateway.security.connection_limits import ConnectionLimits
from gateway.security.cors import Cors
from gateway.security.rate_limit import RateLimiter
from gateway.signin.sessions import Sessions
from gateway.signin.tokens import cookie_name
from shared.auth.verifier import verifier
from shared.contracts.topics import PRODUCT_EVENTS
from shared.telemetry import probe
from shared.telemetry.probe import Pulse

SESSION_SECONDS = 2.0  # without its session a browser's request cannot go on
BEAT_SECONDS = 5.0
LOCAL = ("localhost", "127.0.0.1", "[::1]")


class Composition:
    """The front door and what stands behind it; `close` when the process ends."""

    def __init__(self, django: Application) -> None:
        env = settings.ENVIRONMENT
        self.redis = _redis(SESSION_SECONDS)
        self.shares = _redis(env.rate_wait_seconds)
        self.upstreams = {name: Upstream(url) for name, url in env.upstreams.items()}
        self.keycloak = Upstream(env.keycloak_url)
        self.budget = BodyBudget(env.body_budget)
        self.bodies = BodyReader(env.body_seconds, self.budget)
        self.metrics = Metrics(self.budget)
        self.pulse = Pulse()
        self._beat: asyncio.TimerHandle | None = None
        self.access = AccessLog(as_json=env.log_format == "json")
        self.sharing = self._sharing()
        self.listener = TopicListener(env.kafka, PRODUCT_EVENTS.name, self._heard)
        health = Health(self.upstreams, self.keycloak, urlsplit(env.issuer).path, self.redis, env.kafka)
        sessions = Sessions(self.redis, self.keycloak, cookie_name(), env.oidc_client_secret)
        self.front = GatewayApp(
            guard=Admission(Router(ROUTES), frozenset(_hosts()), verifier(), sessions),
            by_address=RateLimiter(self.shares, "address", env.rate_limit, env.rate_seconds),
            by_user=RateLimiter(self.shares, "user", env.rate_limit, env.rate_seconds),
            by_sign_in=RateLimiter(self.shares, "sign-in", env.sign_in_limit, env.sign_in_seconds),
            cors=Cors(frozenset(env.cors_origins), settings.GATEWAY_URL),
            services=self.sharing,
            pages={
                "/health": health.all,
                "/health/live": live,
                "/health/ready": health.ready,
                "/api/": api_index.answer,
                "/api/schema/": OpenApiView.read().answer,
                "/problems/": problem_pages.every_problem,
                "/problems/{slug}": problem_pages.one_problem,
            },
            django=django,
            access=self.access,
            metrics=self.metrics,
            gateway_url=settings.GATEWAY_URL,
            bodies=self.bodies,
        )
        socket_limits = ConnectionLimits(env.max_sockets, env.max_sockets_per_address)
        self.sockets = WebSocketProxy(self.front, env.upstreams, socket_limits)

    def _sharing(self) -> CachingProxy:
        env = settings.ENVIRONMENT
        self._loop = asyncio.get_running_loop()
        proxy = HttpProxy(self.upstreams, settings.GATEWAY_URL, self.bodies)
        shared = frozenset(route.to for route in ROUTES if route.limits.shared)
        return CachingProxy(proxy, shared, env.shared_seconds, self.metrics)

    def _heard(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: there is nobody left to be told
            self._loop.call_soon_threadsafe(self.sharing.empty)

    def open(self) -> None:
        """Answer probes and Prometheus inside, on a port of their own: the front door has no row for metrics."""
        env = settings.ENVIRONMENT
        if env.probe_port:
            REGISTRY.register(self.metrics)
            probe.serve(env.probe_host, env.probe_port, self.pulse)
        if settings.ENVIRONMENT.shared_seconds:
            self.listener.start()
        self.pulse.ready = True
        self._turn()

    def _turn(self) -> None:
        self.pulse.beat()
        self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._turn)

    async def close(self) -> None:
        """Let go of every connection, and write the last lines."""
        self.pulse.ready = False
        if self._beat is not None:
            self._beat.cancel()
        if settings.ENVIRONMENT.shared_seconds:
            await asyncio.to_thread(self.listener.close)
        for upstream in (*self.upstreams.values(), self.keycloak):
            upstream.close()
        await self.redis.aclose()
        await self.shares.aclose()
        self.access.flush()


def _redis(seconds: float) -> Redis:
    url = settings.ENVIRONMENT.redis_url
    redis: Redis = Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)
    return redis


def _hosts() -> Iterable[str]:
    yield urlsplit(settings.GATEWAY_URL).hostname or ""
    yield from settings.ENVIRONMENT.allowed_hosts
    if not settings.ENVIRONMENT.is_production:
        yield from LOCAL
