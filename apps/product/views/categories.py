"""Categories, and which products are in them."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from apps.product import operations, queries
from apps.product.errors import Contended
from apps.product.models import Category
from apps.product.responses import Counted, answer_read, answer_write, precondition
from apps.product.serializers import (
    CategoryFilters,
    CategoryInput,
    CategoryOutput,
    MembershipInput,
    ProductOutput,
    Shown,
    show_category,
    show_product,
)
from apps.product.views.openapi import CATEGORY_ID, DONE, PRODUCT_ID
from shared.auth.drf import IsManager, ReadOnly
from shared.http.browsable import Choices, Lead, form
from shared.http.openapi import ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, UNCHANGED, may_fail
from shared.http.preconditions import PreconditionFailed


def _products(_: Any) -> Mapping[str, Choices]:
    """Names for the newest products: any other's id can be written as well."""
    return {"product_id": [(str(each.pk), each.name) for each in queries.products({})[:MOST_CHOICES]]}


def _example(_: Any) -> Shown:
    newest = queries.products({})[:1]
    return {"product_id": str(newest[0].pk)} if newest else {}


MOST_CHOICES = 100
AFTERWARDS = "/api/categories/{category_id}/"


class CategoryViewSet(GenericViewSet[Category]):
    """Categories."""

    queryset = Category.objects.all()
    serializer_class = CategoryInput
    permission_classes = [IsManager | ReadOnly]
    filter_backends = []
    lookup_url_kwarg = "category_id"
    lookup_value_converter = "str"
    query_serializer = CategoryFilters
    links: ClassVar = {"id": "/api/categories/{id}/", "name": "/api/categories/{id}/"}
    row_links: ClassVar = {"Products": "/api/products/?category={slug}"}

    def page_data(self) -> Shown:
        """The category that is spoken of."""
        return show_category(self.get_object())

    def page_links(self, category: Shown) -> Iterable[Lead]:
        """Where to go on from a category."""
        if "slug" in category:
            yield Lead("Products in it", f"/api/products/?category={category['slug']}")

    def get_object(self) -> Category:
        """The category of the path."""
        return queries.category(self.kwargs["category_id"])

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """The body that the browsable API offers a form for."""
        return MembershipInput if self.action == "put_product" else CategoryInput

    @may_fail(PreconditionFailed)
    @extend_schema(
        parameters=[CategoryFilters, IF_NONE_MATCH, ETAG],
        responses={200: CategoryOutput(many=True), 304: UNCHANGED},
    )
    def list(self, request: Request) -> HttpResponseBase:
        """A page of categories, by name."""
        return answer_read(request, self._render)

    @may_fail(PreconditionFailed)
    @extend_schema(
        parameters=[CATEGORY_ID, IF_NONE_MATCH, ETAG], responses={200: CategoryOutput, 304: UNCHANGED}
    )
    def retrieve(self, request: Request, category_id: str) -> HttpResponseBase:
        """One category."""
        return answer_read(request, lambda: show_category(self.get_object()))

    @form("Create a category", done="There is a new category.")
    @may_fail(Contended)
    @extend_schema(parameters=[LOCATION, ETAG], responses={201: CategoryOutput})
    def create(self, request: Request) -> HttpResponseBase:
        """Set up a category."""
        category = operations.create_category(self._validated().validated_data)
        location = reverse("category-detail", args=[category.pk], request=request)
        return answer_write(request, show_category(category), 201, {"Location": location})

    @form(
        "Write it anew (PUT)",
        says="Sends every field as it stands below.",
        done="The category is changed.",
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[CATEGORY_ID, IF_MATCH, ETAG], responses=CategoryOutput)
    def update(self, request: Request, category_id: str) -> HttpResponseBase:
        """Change a category; `name` is required, what is not named stays."""
        return self._change(request, category_id, partial=False)

    @form(
        "Change this category",
        says="Sends the fields that you change, and leaves the others as they are.",
        done="The category is changed.",
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[CATEGORY_ID, IF_MATCH, ETAG], responses=CategoryOutput)
    def partial_update(self, request: Request, category_id: str) -> HttpResponseBase:
        """Change what is named."""
        return self._change(request, category_id, partial=True)

    @form(
        "Delete this category",
        says="Its products stay, and are in it no more.",
        asks="Delete this category? Its products stay, and are in it no more. This cannot be undone.",
        done="The category is deleted.",
        then="/api/categories/",
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[CATEGORY_ID, IF_MATCH], responses={204: DONE})
    def destroy(self, request: Request, category_id: str) -> Response:
        """Delete a category. Its products stay, and are in it no more."""
        operations.delete_category(category_id, precondition(request, show_category))
        return Response(status=204)

    @form(
        "Put a product in",
        says="Puts a product in this category. One that is in it already stays in it.",
        done="The product is in the category.",
        then=AFTERWARDS,
        body=MembershipInput,
        choices=_products,
        example=_example,
    )
    @may_fail(Contended)
    @extend_schema(parameters=[CATEGORY_ID, ETAG], responses={200: ProductOutput, 201: ProductOutput})
    @action(detail=True, methods=["post"], url_path="products", url_name="products")
    def put_product(self, request: Request, category_id: str) -> HttpResponseBase:
        """Put a product in the category: 201, or 200 where it was in it already."""
        product_id = self._validated().validated_data["product_id"]
        product, added = operations.put_in_category(category_id, product_id)
        return answer_write(
            request, show_product(product, queries.categories_of([product])), 201 if added else 200
        )

    @form(
        "Take the product out",
        says="Takes the product out of this category. The product stays in the catalogue.",
        asks="Take the product out of this category?",
        done="The product is not in the category any more.",
        then="/api/products/{product_id}/",
    )
    @may_fail(Contended)
    @extend_schema(parameters=[CATEGORY_ID, PRODUCT_ID], responses={204: DONE})
    @action(detail=True, methods=["delete"], url_path="products/<str:product_id>", url_name="product")
    def take_product_out(self, request: Request, category_id: str, product_id: str) -> Response:
        """Take a product out of the category. Safe to repeat."""
        operations.take_out_of_category(category_id, product_id)
        return Response(status=204)

    def _change(self, request: Request, category_id: str, *, partial: bool) -> HttpResponseBase:
        fields = self._validated(instance=self.get_object(), partial=partial).validated_data
        changed = operations.change_category(category_id, fields, precondition(request, show_category))
        return answer_write(request, show_category(changed))

    def _validated(self, **kwargs: Any) -> Any:
        body = self.get_serializer(data=self.request.data, **kwargs)
        body.is_valid(raise_exception=True)
        return body

    def _render(self) -> Shown:
        query = CategoryFilters(
            data={name: value for name, value in self.request.query_params.items() if str(value).strip()}
        )
        query.is_valid(raise_exception=True)
        listing: Any = Counted(queries.categories())
        page: Any = self.paginate_queryset(listing)
        return self.get_paginated_response([show_category(category) for category in page]).data  # type: ignore[no-any-return]
