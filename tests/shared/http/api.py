"""A small API with everything that services have in common, for the tests of it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from redis.exceptions import TimeoutError as RedisTimeoutError
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shared.auth.drf import IsCustomer, IsManager, ReadOnly, principal_of
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500
from shared.http.fields import MoneyField, StrictIntegerField
from shared.http.problems import Problem
from tests.shared.http import things

__all__ = ["handler400", "handler404", "handler500"]


class OutOfCoffee(Problem):
    slug = "out-of-coffee"
    status_code = 409
    title = "There is no coffee"
    default_detail = "Put some on."


class LineSerializer(serializers.Serializer[Any]):
    quantity = StrictIntegerField(min_value=1, max_value=999)


class OrderSerializer(serializers.Serializer[Any]):
    price = MoneyField(required=False)
    lines = LineSerializer(many=True, required=False)


FAILURES: dict[str, Exception] = {
    "problem": OutOfCoffee(headers={"Retry-After": "7"}, cups=3),
    "not-found": Http404("secret table"),
    "denied": PermissionDenied("secret rule"),
    "throttled": exceptions.Throttled(wait=12),
    "database": OperationalError("password=secret"),
    "redis": RedisTimeoutError("secret host"),
    "bug": RuntimeError("secret"),
}


class Common(APIView):
    def get(self, request: Request) -> Response:
        return Response({"caller": str(request.user)})

    def post(self, request: Request) -> Response:
        return Response({"caller": principal_of(request).subject})


class Open(Common):
    permission_classes = [AllowAny]
    repeatable = ("id",)


class ForCustomers(Common):
    permission_classes = [IsCustomer]


class ForManagers(Common):
    permission_classes = [IsManager]


class ReadableByAll(Common):
    permission_classes = [ReadOnly | IsManager]


class Default(Common):
    """Says nothing about who may use it."""


class Echo(APIView):
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        return Response(request.data)


class Gone(APIView):
    permission_classes = [AllowAny]

    def delete(self, request: Request) -> Response:
        return Response(status=204)


@require_safe
def plain(request: HttpRequest) -> HttpResponse:
    """A view of Django's, as pictures and probes are."""
    return HttpResponse("plain", content_type="image/svg+xml")


class Orders(APIView):
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        body = OrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(OrderSerializer(body.validated_data).data)


class Fails(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request, how: str) -> Response:
        raise FAILURES[how]


urlpatterns = [
    path("open/", Open.as_view()),
    path("customers/", ForCustomers.as_view()),
    path("managers/", ForManagers.as_view()),
    path("readable/", ReadableByAll.as_view()),
    path("default/", Default.as_view()),
    path("echo/", Echo.as_view()),
    path("gone/", Gone.as_view()),
    path("plain/", plain),
    path("orders/", Orders.as_view()),
    path("fails/<how>/", Fails.as_view()),
    *things.urlpatterns,
    *health.urlpatterns,
]
