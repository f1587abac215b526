"""The basket API: everybody's own basket, and nobody else's."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
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
from apps.basket.preconditions import etag_of, tags_to_change
from apps.basket.repository import Basket
from apps.basket.serializers import (
    BasketSerializer,
    LineQuantitySerializer,
    ReplaceBasketSerializer,
    show_basket,
)
from shared.auth.drf import IsCustomer, principal_of
from shared.http.browsable import Choices, Lead, form
from shared.http.openapi import ETAG, IF_MATCH, IF_NONE_MATCH, UNCHANGED, may_fail
from shared.http.preconditions import PreconditionFailed, about, conditional

PRODUCT_ID = OpenApiParameter(
    "product_id", {"type": "string", "pattern": "^[0-9a-f]{24}$"}, OpenApiParameter.PATH
)
Shown = Mapping[str, Any]
LINKS = {"product_id": "/api/products/{product_id}/", "name": "/api/basket/items/{product_id}/"}
GONE = OpenApiResponse(description="Done; also where there was nothing to take out.")


def _products(view: Any) -> Mapping[str, Choices]:
    """The names of what is in the basket already."""
    basket = queries.basket_of(principal_of(view.request).subject)
    return {"items.product_id": [(line.product_id, line.name) for line in basket.items]}


class BasketView(APIView):
    """Your basket, at today's prices. A line that cannot be bought any more says so, and is not in the total."""

    permission_classes = [IsCustomer]
    links: ClassVar = {f"items.{name}": address for name, address in LINKS.items()}

    def page_links(self, _: Shown) -> Iterable[Lead]:
        """What to do with a basket."""
        return [Lead("Find something for it", "/api/products/"), Lead("Order what is in it", "/api/orders/")]

    @may_fail(CatalogueIncomplete, PreconditionFailed)
    @extend_schema(
        operation_id="basket_retrieve",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: BasketSerializer, 304: UNCHANGED},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What is in the basket."""
        basket = queries.basket_of(principal_of(request).subject)
        response = _shown(request, basket)
        return conditional(request, response, etag_of(basket)) if _is_json(request) else response

    @form(
        "Change the whole basket",
        says="What stands below is what the basket holds then.",
        done="The basket is changed.",
        body=ReplaceBasketSerializer,
        choices=_products,
    )
    @may_fail(BasketChanged, BasketFull, MixedCurrencies, CatalogueIncomplete)
    @extend_schema(
        operation_id="basket_replace",
        parameters=[IF_MATCH, ETAG],
        request=ReplaceBasketSerializer,
        responses=BasketSerializer,
    )
    def put(self, request: Request) -> Response:
        """Replace everything in the basket."""
        customer = principal_of(request).subject
        body = ReplaceBasketSerializer.of(request.data, customer)
        body.is_valid(raise_exception=True)
        return _shown(request, operations.replace(customer, body.lines, tags_to_change(request)))

    @form(
        "Empty the basket",
        says="Takes everything out.",
        asks="Take everything out of your basket?",
        done="The basket is empty.",
    )
    @may_fail(BasketChanged)
    @extend_schema(operation_id="basket_clear", parameters=[IF_MATCH], responses={204: GONE})
    def delete(self, request: Request) -> Response:
        """Take everything out."""
        operations.clear(principal_of(request).subject, tags_to_change(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BasketItemView(APIView):
    """One line of your basket."""

    permission_classes = [IsCustomer]
    links: ClassVar = LINKS

    def page_data(self) -> Shown:
        """The line as it is, or the product that is not in the basket yet."""
        product_id: str = self.kwargs["product_id"]
        items = show_basket(queries.basket_of(principal_of(self.request).subject))["items"]
        return next((line for line in items if line["product_id"] == product_id), {"product_id": product_id})

    @form(
        "Put it into your basket",
        says="Sets how many of this product are in your basket.",
        done="It is in your basket.",
        then="/api/basket/",
        body=LineQuantitySerializer,
        example=lambda _: {"quantity": 1},
    )
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
        quantity, tags = body.validated_data["quantity"], tags_to_change(request)
        basket = operations.set_line(principal_of(request).subject, product_id, quantity, tags)
        return _shown(request, basket)

    @form(
        "Take it out of your basket",
        asks="Take this product out of your basket?",
        done="It is not in your basket any more.",
        then="/api/basket/",
    )
    @may_fail(BasketChanged)
    @extend_schema(
        operation_id="basket_item_remove", parameters=[PRODUCT_ID, IF_MATCH], responses={204: GONE}
    )
    def delete(self, request: Request, product_id: str) -> Response:
        """Take a product out."""
        operations.remove_line(principal_of(request).subject, product_id, tags_to_change(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(request: Request, basket: Basket) -> Response:
    # Whoever keeps it asks each time whether it still holds: prices change without the customer.
    headers = {"Cache-Control": "private, no-cache"}
    if _is_json(request):
        headers["ETag"] = etag_of(basket)
    return about(Response(show_basket(basket), headers=headers), etag_of(basket))


def _is_json(request: Request) -> bool:
    # The browsable API's page is another representation: it has no tag.
    return bool(request.accepted_renderer.format == "json")
