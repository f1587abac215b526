"""`/health/live`, `/health/ready` and `/metrics`: the same on every service.

Live: the process answers. Ready: the stores it cannot work without answer too (Kubernetes' meaning of both).
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.telemetry import readiness

View = Callable[[HttpRequest], HttpResponse]


def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok", "service": settings.SERVICE_NAME})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when every store that this service needs answers, else 503; the body names each with its state."""
    checks = readiness.run()
    good = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if good else "unavailable", "service": settings.SERVICE_NAME, "checks": checks}
    return JsonResponse(body, status=200 if good else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format. Inside only: the gateway has no route to it."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("health/live", live), path("health/ready", ready), path("metrics", metrics)]
