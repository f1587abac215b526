"""The basket API: everybody's own basket, and nobody else's."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.basket import operations, queries
from apps.basket.errors import (
    BasketChanged,
    BasketFull,
    CatalogueIncomplete,
    MixedCurrencies,
    ProductNotFound,
)
from apps.basket.preconditions import etag_of, versions_to_change
from apps.basket.serializers import BasketSerializer, LineQuantitySerializer, ReplaceBasketSerializer
from apps.basket.store import Basket
from shared.auth.drf import IsCustomer, principal_of
from shared.http.described import ETAG, IF_MATCH, may_fail

PRODUCT_ID = OpenApiParameter(
    "product_id", {"type": "string", "pattern": "^[0-9a-f]{24}$"}, OpenApiParameter.PATH
)
GONE = OpenApiResponse(description="Done; also where there was nothing to take out.")


class BasketView(APIView):
    """Your basket, at today's prices. What is not sold any more is left out of it."""

    permission_classes = [IsCustomer]

    @may_fail(CatalogueIncomplete)
    @extend_schema(operation_id="basket_retrieve", parameters=[ETAG], responses=BasketSerializer)
    def get(self, request: Request) -> Response:
        """What is in the basket."""
        return _shown(queries.basket_of(principal_of(request).subject))

    @may_fail(BasketChanged, BasketFull, MixedCurrencies, CatalogueIncomplete)
    @extend_schema(
        operation_id="basket_replace",
        parameters=[IF_MATCH, ETAG],
        request=ReplaceBasketSerializer,
        responses=BasketSerializer,
    )
    def put(self, request: Request) -> Response:
        """Replace everything in the basket."""
        body = ReplaceBasketSerializer.of(request.data)
        body.is_valid(raise_exception=True)
        return _shown(
            operations.replace(principal_of(request).subject, body.lines, versions_to_change(request))
        )

    @may_fail(BasketChanged)
    @extend_schema(operation_id="basket_clear", parameters=[IF_MATCH], responses={204: GONE})
    def delete(self, request: Request) -> Response:
        """Take everything out."""
        operations.clear(principal_of(request).subject, versions_to_change(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BasketItemView(APIView):
    """One line of your basket."""

    permission_classes = [IsCustomer]

    @may_fail(ProductNotFound, BasketChanged, BasketFull, MixedCurrencies, CatalogueIncomplete)
    @extend_schema(
        operation_id="basket_item_set",
        parameters=[PRODUCT_ID, IF_MATCH, ETAG],
        request=LineQuantitySerializer,
        responses=BasketSerializer,
    )
    def put(self, request: Request, product_id: str) -> Response:
        """Set how many of a product are in the basket."""
        body = LineQuantitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        quantity, versions = body.validated_data["quantity"], versions_to_change(request)
        return _shown(operations.set_line(principal_of(request).subject, product_id, quantity, versions))

    @may_fail(BasketChanged)
    @extend_schema(
        operation_id="basket_item_remove", parameters=[PRODUCT_ID, IF_MATCH], responses={204: GONE}
    )
    def delete(self, request: Request, product_id: str) -> Response:
        """Take a product out."""
        operations.remove_line(principal_of(request).subject, product_id, versions_to_change(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(basket: Basket) -> Response:
    # Prices change without the version: the tag guards changes, but says nothing about how fresh a copy is.
    headers = {"ETag": etag_of(basket.version), "Cache-Control": "no-store"}
    return Response(BasketSerializer(basket).data, headers=headers)
