"""Puts the gateway together from the settings, inside the running event loop."""

import asyncio
import contextlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from gateway.app import Forward, GatewayApp, Page
from gateway.http.access_log import AccessLog
from gateway.http.metrics import Metrics
from gateway.http.request_body import BodyBudget, BodyReader
from gateway.pages import api_index, problem_pages
from gateway.pages.django_pages import Application, DjangoPages
from gateway.pages.health import Health, live
from gateway.pages.openapi_view import OpenApiView
from gateway.proxy.cache_invalidation import TopicListener
from gateway.proxy.caching_proxy import CachingProxy
from gateway.proxy.http_proxy import HttpProxy
from gateway.proxy.upstream import Upstream
from gateway.proxy.websocket_proxy import WebSocketProxy
from gateway.route_types import admins
from gateway.router import Router
from gateway.routes import ROUTES
from gateway.security.admission import Admission
from gateway.security.authentication import Authentication
from gateway.security.connection_limits import ConnectionLimits
from gateway.security.cors import Cors
from gateway.security.rate_limit import RateLimiter, RateLimits
from gateway.signin.sessions import Sessions
from gateway.signin.tokens import cookie_name
from shared.auth.verifier import verifier
from shared.contracts.topics import PRODUCT_EVENTS
from shared.telemetry import probe
from shared.telemetry.probe import Heartbeat

SESSION_SECONDS = 2.0  # without its session a browser's request cannot go on
BEAT_SECONDS = 5.0
LOCAL = ("localhost", "127.0.0.1", "[::1]")


class Composition:
    """The application and everything that it needs; `close` when the process ends."""

    def __init__(self, django: Application) -> None:
        env = settings.ENVIRONMENT
        self._loop = asyncio.get_running_loop()
        self.redis = _redis(SESSION_SECONDS)
        self.limits_redis = _redis(env.rate_wait_seconds)
        self.upstreams = {name: Upstream(url) for name, url in env.upstreams.items()}
        self.keycloak = Upstream(env.keycloak_url)
        budget = BodyBudget(env.body_budget)
        self.bodies = BodyReader(env.body_seconds, budget)
        self.metrics = Metrics(budget)
        self.heartbeat = Heartbeat()
        self._next_beat: asyncio.TimerHandle | None = None
        self.access = AccessLog(as_json=env.log_format == "json")
        self.proxy = HttpProxy(self.upstreams, settings.GATEWAY_URL, self.bodies, admins(ROUTES))
        self.caching_proxy = CachingProxy(self.proxy, env.shared_seconds, self.metrics)
        self.listener = TopicListener(env.kafka, PRODUCT_EVENTS.name, self._catalogue_changed)
        cors = Cors(frozenset(env.cors_origins), settings.GATEWAY_URL)
        admission = self._admission(cors)
        self.app = GatewayApp(
            admission=admission,
            cors=cors,
            services=self._services(),
            pages=self._pages(),
            django=DjangoPages(django, settings.GATEWAY_URL, self.bodies),
            access=self.access,
            metrics=self.metrics,
        )
        socket_limits = ConnectionLimits(env.max_sockets, env.max_sockets_per_address)
        self.websockets = WebSocketProxy(admission, env.upstreams, socket_limits, self.access, self.metrics)

    def _admission(self, cors: Cors) -> Admission:
        env = settings.ENVIRONMENT
        sessions = Sessions(self.redis, self.keycloak, cookie_name(), env.oidc_client_secret)
        limits = RateLimits(
            address=RateLimiter(self.limits_redis, "address", env.rate_limit, env.rate_seconds),
            user=RateLimiter(self.limits_redis, "user", env.rate_limit, env.rate_seconds),
            sign_in=RateLimiter(self.limits_redis, "sign-in", env.sign_in_limit, env.sign_in_seconds),
        )
        return Admission(
            Router(ROUTES), frozenset(_hosts()), limits, Authentication(verifier(), sessions), cors
        )

    def _services(self) -> dict[str, Forward]:
        """How a request gets to each service: through the cache only where something of the service is cached."""
        cached = {route.to for route in ROUTES if route.limits.shared and settings.ENVIRONMENT.shared_seconds}
        return {
            name: self.caching_proxy.forward if name in cached else self.proxy.forward
            for name in self.upstreams
        }

    def _pages(self) -> dict[str, Page]:
        env = settings.ENVIRONMENT
        health = Health(self.upstreams, self.keycloak, urlsplit(env.issuer).path, self.redis, env.kafka)
        return {
            "/health": health.all,
            "/health/live": live,
            "/health/ready": health.ready,
            "/api/": api_index.answer,
            "/api/schema/": OpenApiView.read().answer,
            "/problems/": problem_pages.every_problem,
            "/problems/{slug}": problem_pages.one_problem,
        }

    def _catalogue_changed(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: there is nobody left to be told
            self._loop.call_soon_threadsafe(self.caching_proxy.empty)

    def open(self) -> None:
        """Answer probes and Prometheus inside, on a port of their own: the route table has no row for metrics."""
        env = settings.ENVIRONMENT
        if env.probe_port:
            REGISTRY.register(self.metrics)
            probe.serve(env.probe_host, env.probe_port, self.heartbeat)
        if settings.ENVIRONMENT.shared_seconds:
            self.listener.start()
        self.heartbeat.ready = True
        self._beat()

    def _beat(self) -> None:
        self.heartbeat.beat()
        self._next_beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    async def close(self) -> None:
        """Close every connection, and write the last lines."""
        self.heartbeat.ready = False
        if self._next_beat is not None:
            self._next_beat.cancel()
        if settings.ENVIRONMENT.shared_seconds:
            await asyncio.to_thread(self.listener.close)
        for upstream in (*self.upstreams.values(), self.keycloak):
            upstream.close()
        await self.redis.aclose()
        await self.limits_redis.aclose()
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
