"""The order API: who may do what, and which operation or query does it."""

import re
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from apps.order import operations
from apps.order.errors import (
    BasketAlreadyOrdered,
    BasketEmpty,
    BasketUnavailable,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    MixedCurrencies,
    PriceChanged,
    ProductUnavailable,
    TotalTooLarge,
    WrongState,
)
from apps.order.filters import OrderFilter
from apps.order.models import Order
from apps.order.serializers import CancelSerializer, OrderSerializer, PlaceOrderSerializer, first_answer
from shared.auth.drf import IsCustomer, IsManager, principal_of
from shared.http.described import IDEMPOTENCY_KEY, LOCATION, may_fail
from shared.http.pagination import WalkPagination

KEY = re.compile(r"[\x21-\x7e]{1,255}")


class OrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Order]):
    """Orders: a customer's own, or all of them for a manager."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    permission_classes = [IsCustomer]
    filterset_class = OrderFilter
    pagination_class = WalkPagination
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Order]:
        """What this caller may see: another customer's order does not exist for them."""
        orders = super().get_queryset().prefetch_related("lines")
        caller = principal_of(self.request)
        return orders if caller.is_manager else orders.filter(customer_id=caller.subject)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """The body that the browsable API offers a form for."""
        return {"create": PlaceOrderSerializer, "cancel": CancelSerializer}.get(self.action, OrderSerializer)

    @may_fail(
        BasketEmpty,
        BasketAlreadyOrdered,
        BasketUnavailable,
        PriceChanged,
        ProductUnavailable,
        MixedCurrencies,
        TotalTooLarge,
        IdempotencyKeyInvalid,
        IdempotencyKeyReused,
    )
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request=PlaceOrderSerializer,
        responses={201: OrderSerializer},
    )
    def create(self, request: Request) -> Response:
        """Place an order, from `items` or from the basket."""
        key = request.headers.get("Idempotency-Key")
        if key is not None and not KEY.fullmatch(key):
            raise IdempotencyKeyInvalid
        body = PlaceOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        order = operations.place_order(principal_of(request), body.validated_data, key)
        location = reverse("order-detail", args=[order.pk], request=request)
        return Response(first_answer(order), status=status.HTTP_201_CREATED, headers={"Location": location})

    @may_fail(WrongState)
    @extend_schema(request=CancelSerializer, responses={202: OrderSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Ask for the order to be undone; the order's status says when it is."""
        body = CancelSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        caller = principal_of(request)
        only_of = None if caller.is_manager else caller.subject
        order = operations.cancel(pk, body.validated_data["reason"], only_of=only_of)
        return Response(OrderSerializer(order).data, status=status.HTTP_202_ACCEPTED)

    @may_fail(WrongState)
    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def ship(self, request: Request, pk: Any = None) -> Response:
        """The order left the house."""
        return Response(OrderSerializer(operations.ship(pk)).data)

    @may_fail(WrongState)
    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def deliver(self, request: Request, pk: Any = None) -> Response:
        """The order arrived."""
        return Response(OrderSerializer(operations.deliver(pk)).data)
