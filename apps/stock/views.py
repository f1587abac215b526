"""The stock API: who may do what, and which operation or query does it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.stock import operations, queries
from apps.stock.errors import BelowReserved, IdempotencyKeyInvalid, IdempotencyKeyReused, TooMany
from apps.stock.models import Movement, StockItem
from apps.stock.serializers import (
    MAX_IDS,
    AdjustmentSerializer,
    MovementSerializer,
    OnHandSerializer,
    ProductIdsSerializer,
    StockItemSerializer,
    show_level,
)
from shared.auth import Principal
from shared.auth.drf import IsManager, ReadOnly, principal_of
from shared.auth.principal import MANAGER
from shared.http.browsable import Lead, form
from shared.http.openapi import ETAG, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, UNCHANGED, may_fail
from shared.http.pagination import KeysetPagination, PagePagination
from shared.http.preconditions import (
    PreconditionFailed,
    Preconditions,
    about,
    conditional,
    refuse_failed,
    strong_tag,
)
from shared.http.renderers import JSONRenderer

KEY = re.compile(r"[\x21-\x7e]{1,255}")
PRODUCT_ID = OpenApiParameter(
    "product_id", {"type": "string", "pattern": "^[0-9a-f]{24}$"}, OpenApiParameter.PATH
)
LINKS = {"product_id": "/api/products/{product_id}/", "order_id": "/api/orders/{order_id}/"}
ANYONE: Any = [{}, {"bearer": []}]  # no token is needed; a manager's shows more


class LevelsPaginator(Paginator):  # type: ignore[type-arg]  # at run time it takes no argument
    """Asks for a page and for the count of all at once."""

    def page(self, number: Any) -> "Page[Any]":
        """The levels of a page; raises EmptyPage after the last one."""
        begin = (number - 1) * self.per_page
        rows, self.count = queries.levels(begin, begin + self.per_page)
        return Page(rows, self.validate_number(number), self)


class LevelsPagination(PagePagination):
    """Pages of all levels."""

    django_paginator_class = LevelsPaginator


class StockView(GenericAPIView[StockItem]):
    """What the views of levels share: anyone may read, a manager sees more and may write."""

    queryset = StockItem.objects.all()
    serializer_class = StockItemSerializer
    permission_classes = [ReadOnly | IsManager]

    def get_serializer_context(self) -> dict[str, Any]:
        """With whether the caller may see everything."""
        return {**super().get_serializer_context(), "is_manager": self._is_manager}

    @property
    def _is_manager(self) -> bool:
        caller = getattr(self.request, "user", None)  # the API document is made without a request
        return isinstance(caller, Principal) and caller.is_manager

    def _shown(self, level: StockItem | queries.Level) -> dict[str, Any]:
        return show_level(level, is_manager=self._is_manager)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer depends on who asks: a cache has to know."""
        final = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(final, ["Authorization"])
        return final


class StockList(StockView):
    """How many there are of each product, or of those that are asked for."""

    repeatable = ("product_id",)
    links: ClassVar = {"product_id": "/api/stock/{product_id}/"}
    query_serializer = ProductIdsSerializer
    pagination_class = LevelsPagination

    @extend_schema(auth=ANYONE, parameters=[ProductIdsSerializer], responses=StockItemSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All levels in pages; with `product_id` those products, in one page unless told, without unknown ids."""
        if "product_id" in request.query_params:
            return self._of(request.query_params.getlist("product_id"))
        page: Any = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([self._shown(level) for level in page])

    def _of(self, product_ids: list[str]) -> Response:
        query = ProductIdsSerializer(data={"product_id": product_ids})
        query.is_valid(raise_exception=True)
        pages = PagePagination()
        pages.page_size = MAX_IDS
        found: Any = queries.levels_of(query.validated_data["product_id"])  # so few need no count
        page: Any = pages.paginate_queryset(found, self.request, self)
        return pages.get_paginated_response([self._shown(level) for level in page])


class StockDetail(StockView):
    """How many there are of one product."""

    links: ClassVar = LINKS

    def page_links(self, level: Mapping[str, Any]) -> Iterable[Lead]:
        """What a manager does with a level."""
        here = f"/api/stock/{level['product_id']}/"
        yield Lead("Adjust it", f"{here}adjustments/", MANAGER)
        yield Lead("Every movement", f"{here}movements/", MANAGER)

    def get_object(self) -> StockItem:
        """The level of the path's product; OPTIONS asks for it, too."""
        return queries.stock_item(self.kwargs["product_id"])

    @may_fail(PreconditionFailed)
    @extend_schema(
        auth=ANYONE,
        parameters=[PRODUCT_ID, IF_NONE_MATCH, ETAG],
        responses={200: StockItemSerializer, 304: UNCHANGED},
    )
    def get(self, request: Request, product_id: str) -> HttpResponseBase:
        """The level.

        A manager's ETag is its version.
        """
        item = queries.level_of(product_id)
        shown = self._shown(item)
        if request.accepted_renderer.format != "json":  # a page for people is another representation
            return about(Response(shown), _tag(item, shown))
        return conditional(request, Response(shown), _tag(item, shown))

    @form(
        "Set how many are on hand",
        says="Says how many there are, as after a count. Never fewer than are reserved.",
        done="The level is set.",
        body=OnHandSerializer,
    )
    @may_fail(BelowReserved, PreconditionFailed)
    @extend_schema(
        parameters=[PRODUCT_ID, IF_MATCH, ETAG], request=OnHandSerializer, responses=StockItemSerializer
    )
    def put(self, request: Request, product_id: str) -> Response:
        """Say how many are on hand; never fewer than are reserved."""
        body = OnHandSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        actor = principal_of(request).subject
        item = operations.set_on_hand(
            product_id, body.validated_data["on_hand"], actor, _precondition(request)
        )
        return Response(self.get_serializer(item).data, headers={"ETag": _version_tag(item)})


class Adjustments(GenericAPIView[Any]):
    """So many came or went."""

    queryset = Movement.objects.all()
    serializer_class = AdjustmentSerializer
    permission_classes = [IsManager]
    links: ClassVar = LINKS

    def page_data(self) -> Mapping[str, Any]:
        """The level as it is."""
        item = queries.stock_item(self.kwargs["product_id"])
        return StockItemSerializer(item, context={"is_manager": True}).data

    @form(
        "Adjust the level",
        says="So many came, or went: a negative number is so many fewer. Never below what is reserved. The ledger keeps the reason.",
        done="The level is adjusted.",
        then="/api/stock/{product_id}/",
        once=True,
    )
    @may_fail(BelowReserved, TooMany, IdempotencyKeyInvalid, IdempotencyKeyReused)
    @extend_schema(
        parameters=[PRODUCT_ID, IDEMPOTENCY_KEY],
        request=AdjustmentSerializer,
        responses={201: MovementSerializer},
    )
    def post(self, request: Request, product_id: str) -> Response:
        """Change what is on hand; never below what is reserved."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        movement = operations.adjust(
            product_id,
            **body.validated_data,
            actor=principal_of(request).subject,
            key=_idempotency_key(request),
        )
        return Response(MovementSerializer(movement).data, status=status.HTTP_201_CREATED)


@extend_schema(parameters=[PRODUCT_ID])
class Movements(ListAPIView[Movement]):
    """The ledger of one product."""

    queryset = Movement.objects.all()
    serializer_class = MovementSerializer
    pagination_class = KeysetPagination
    permission_classes = [IsManager]
    links: ClassVar = LINKS

    def get_queryset(self) -> "QuerySet[Movement]":
        """Newest first."""
        return queries.movements_of(self.kwargs["product_id"])


def _version_tag(item: StockItem | queries.Level) -> str:
    """A manager is shown the version: it changes with all else that is shown."""
    return f'"{item.version}"'


def _tag(item: queries.Level, shown: Mapping[str, Any]) -> str:
    # Others do not see the version, so their tag must not tell it, nor change where nothing they see does.
    return _version_tag(item) if "version" in shown else strong_tag(JSONRenderer().render(shown))


def _precondition(request: Request) -> operations.Precondition:
    if Preconditions.of(request.headers).are_none:
        return operations.whatever_it_is
    return lambda item: refuse_failed(request, _version_tag(item))


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    return key
