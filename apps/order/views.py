"""The order API: who may do what, and which operation or query does it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
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
from apps.order.models import TRANSITIONS, UNDOABLE, Order, Status
from apps.order.queries import OrderWalk, Wanted
from apps.order.serializers import (
    CancelSerializer,
    OrderSerializer,
    PlaceOrderSerializer,
    first_answer,
    written,
)
from shared.auth.drf import IsCustomer, IsManager, principal_of
from shared.auth.principal import CUSTOMER
from shared.http.browsable import Lead, form
from shared.http.openapi import IDEMPOTENCY_KEY, LOCATION, may_fail
from shared.http.pagination import KeysetPagination

KEY = re.compile(r"[\x21-\x7e]{1,255}")
Shown = Mapping[str, Any]
AFTERWARDS = "/api/orders/{pk}/"


def _only_while(possible: Iterable[Status], what: str) -> Callable[[Shown], str]:
    """What a page says of an order that is in none of the states in which it can be done."""
    states = tuple(possible)

    def why_not(order: Shown) -> str:
        if order.get("status") in states:
            return ""
        return f"This order is {order.get('status')}. Only one that is {' or '.join(states)} can be {what}."

    return why_not


def _before(status: Status) -> Iterable[Status]:
    return (each for each, after in TRANSITIONS.items() if status in after)


def _last_address(view: Any, _: Shown) -> Shown:
    """A customer's newest order goes where the next one most likely goes, too."""
    newest = Order.objects.filter(customer_id=principal_of(view.request).subject).first()
    return {"shipping_address": newest.shipping_address} if newest else {}


def _filters(request: Request) -> Mapping[str, Any]:
    """What the query narrows the list by; raises ValidationError. Most queries say nothing, and forms are slow."""
    if not OrderFilter.base_filters.keys() & request.query_params.keys():
        return {}
    found = OrderFilter(request.query_params, queryset=Order.objects.none(), request=request)
    if not found.is_valid():
        raise translate_validation(found.errors)
    return {name: value or None for name, value in found.form.cleaned_data.items()}


class OrderViewSet(mixins.RetrieveModelMixin, GenericViewSet[Order]):
    """Orders: a customer's own, or all of them for a manager."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    permission_classes = [IsCustomer]
    filterset_class = OrderFilter
    pagination_class = KeysetPagination
    lookup_value_converter = "uuid"
    links: ClassVar = {
        "id": "/api/orders/{id}/",
        "number": "/api/orders/{id}/",
        "items.product_id": "/api/products/{product_id}/",
    }
    columns = ("number", "status", "total", "currency", "created_at")

    def get_queryset(self) -> QuerySet[Order]:
        """What this caller may see: another customer's order does not exist for them."""
        orders = super().get_queryset().prefetch_related("lines")
        caller = principal_of(self.request)
        return orders if caller.is_manager else orders.filter(customer_id=caller.subject)

    def list(self, request: Request) -> Response:
        """Orders, newest first: a customer's own, or all of them for a manager."""
        caller = principal_of(request)
        whose = None if caller.is_manager else caller.subject
        page: Any = self.paginate_queryset(OrderWalk(Wanted(whose, **_filters(request))))  # type: ignore[arg-type]
        paginator: Any = self.paginator
        answer: Response = paginator.get_written_response(request, map(written, page))
        return answer

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """The body that the browsable API offers a form for."""
        return {"create": PlaceOrderSerializer, "cancel": CancelSerializer}.get(self.action, OrderSerializer)

    def page_links(self, shown: Shown) -> Iterable[Lead]:
        """Where to go on from an order, and from all of them."""
        if "status" in shown:
            yield Lead("How it is being placed", f"/api/sagas/?order_id={shown['id']}", CUSTOMER)
        else:
            yield Lead("Your basket", "/api/basket/", CUSTOMER)

    @form(
        "Place an order",
        says="Orders the lines below; without any line, what is in your basket. The prices are those of the shop now: "
        "with an expected total, it is refused where they have changed.",
        done="Your order is placed. Its status says when it is confirmed.",
        once=True,
        initial=_last_address,
    )
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
        body = PlaceOrderSerializer.taken(request.data)
        order = operations.place_order(principal_of(request), body, key)
        location = request.build_absolute_uri(f"{request.path}{order.pk}/")
        return Response(first_answer(order), status=status.HTTP_201_CREATED, headers={"Location": location})

    @form(
        "Cancel this order",
        says="Asks for the order to be undone: what was reserved or sold goes back into stock. Possible until it is shipped.",
        done="It will be cancelled: its status says when it is.",
        then=AFTERWARDS,
        body=CancelSerializer,
        why_not=_only_while(UNDOABLE, "cancelled"),
    )
    @may_fail(WrongState)
    @extend_schema(request=CancelSerializer, responses={202: OrderSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Ask for the order to be undone; the order's status says when it is."""
        body = CancelSerializer.taken(request.data)
        caller = principal_of(request)
        only_of = None if caller.is_manager else caller.subject
        order = operations.cancel(pk, body["reason"], only_of=only_of)
        return Response(OrderSerializer(order).data, status=status.HTTP_202_ACCEPTED)

    @form(
        "Ship this order",
        says="Says that the order left the house. The customer is told, and it can no longer be cancelled.",
        done="The order is shipped.",
        then=AFTERWARDS,
        body=None,
        why_not=_only_while(_before(Status.SHIPPED), "shipped"),
    )
    @may_fail(WrongState)
    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def ship(self, request: Request, pk: Any = None) -> Response:
        """The order left the house."""
        return Response(OrderSerializer(operations.ship(pk)).data)

    @form(
        "Deliver this order",
        says="Says that the order arrived. The customer is told.",
        done="The order is delivered.",
        then=AFTERWARDS,
        body=None,
        why_not=_only_while(_before(Status.DELIVERED), "delivered"),
    )
    @may_fail(WrongState)
    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def deliver(self, request: Request, pk: Any = None) -> Response:
        """The order arrived."""
        return Response(OrderSerializer(operations.deliver(pk)).data)
