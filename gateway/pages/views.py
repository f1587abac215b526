"""The gateway's own pages that Django renders: home, the API's description, the back office."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control

from gateway.route_types import admins
from gateway.routes import ROUTES


@cache_control(private=True, no_store=True)
def home(request: HttpRequest) -> HttpResponse:
    """Where a visitor arrives."""
    principal = request.scope.get("principal")  # type: ignore[attr-defined]
    return render(request, "gateway/home.html", {"principal": principal})


@cache_control(private=True, no_store=True)
def api_docs(request: HttpRequest) -> HttpResponse:
    """The API's description as a page; what is tried out there is done as whoever is signed in."""
    principal = request.scope.get("principal")  # type: ignore[attr-defined]
    return render(request, "gateway/api_docs.html", {"principal": principal})


@cache_control(private=True, no_store=True)
def back_office(request: HttpRequest) -> HttpResponse:
    """What needs doing today; the numbers load by themselves (`backoffice/home.js`)."""
    principal = request.scope.get("principal")  # type: ignore[attr-defined]
    return render(request, "gateway/back_office.html", {"principal": principal, "admins": admins(ROUTES)})
