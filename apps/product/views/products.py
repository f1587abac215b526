"""Products."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from apps.product import operations, queries
from apps.product.currencies import CURRENCIES
from apps.product.errors import Contended, ManagersChoose, NotAPicture, PicturesBusy, PicturesUnavailable
from apps.product.imaging import Picture
from apps.product.models import Product
from apps.product.mongodb import in_time
from apps.product.responses import Counted, answer_read, answer_write, page_of, precondition
from apps.product.serializers import (
    PictureInput,
    ProductFilters,
    ProductInput,
    ProductOutput,
    PublicFilters,
    Shown,
    show_product,
    show_products,
)
from apps.product.uploads import FIELD, PictureFormParser, keep_and_show, picture_in
from apps.product.views.openapi import DONE, PRODUCT_ID
from shared.auth.drf import IsManager, ReadOnly
from shared.auth.principal import CUSTOMER, MANAGER, Principal
from shared.http.browsable import Choices, Lead, form
from shared.http.openapi import ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, UNCHANGED, may_fail
from shared.http.parsers import BodyTooLarge
from shared.http.preconditions import PreconditionFailed

MOST_CHOICES = 200
AFTERWARDS = "/api/products/{product_id}/"


def shown(product: Product) -> Shown:
    """One product with its categories."""
    return show_product(product, queries.categories_of([product]))


def _choices(view: Any) -> Mapping[str, Choices]:
    """What a product can be in, and be paid in; what it is in already can be chosen in any case, so PUT keeps it."""
    found = queries.categories()[:MOST_CHOICES]
    categories = {str(each.pk): each.name for each in found}
    if len(found) == MOST_CHOICES and "product_id" in view.kwargs:
        held = queries.categories_of([view.get_object()])
        categories |= {str(each.pk): each.name for each in held.values()}
    return {
        "categories": list(categories.items()),
        "currency": [(each, each) for each in sorted(CURRENCIES)],
    }


def _new_product(_: Any, __: Shown) -> Shown:
    return {"currency": "EUR", "is_active": True}


def _example(_: Any) -> Shown:
    """A product that the catalogue takes as it is: in a category that there is."""
    return {"categories": [str(each.pk) for each in queries.categories()[:1]]}


class ProductViewSet(GenericViewSet[Product]):
    """Products. An archived one is in no public list, and still answers by its id for the orders that name it."""

    queryset = Product.objects.all()
    serializer_class = ProductInput
    permission_classes = [IsManager | ReadOnly]
    filter_backends = []
    lookup_url_kwarg = "product_id"
    lookup_value_converter = "str"
    links: ClassVar = {
        "id": "/api/products/{id}/",
        "name": "/api/products/{id}/",
        "categories.name": "/api/categories/{id}/",
    }
    columns = ("image", "name", "price", "currency", "created_at")

    @property
    def query_serializer(self) -> type[ProductFilters]:
        """What a page offers to narrow the list by: `is_active` to managers alone."""
        user = getattr(self.request, "_user", None)
        return ProductFilters if isinstance(user, Principal) and user.is_manager else PublicFilters

    def query_choices(self) -> Mapping[str, Choices]:
        """The categories to choose from."""
        return {"category": [(each.slug, each.name) for each in queries.categories()[:MOST_CHOICES]]}

    def page_data(self) -> Response:
        """The product that is spoken of."""
        return page_of(shown(self.get_object()))

    def page_links(self, product: Shown) -> Iterable[Lead]:
        """Where to go on from a product, and from all of them."""
        if "slug" not in product:
            yield Lead("Categories", "/api/categories/")
            return
        product_id = product["id"]
        yield Lead("Put it into your basket", f"/api/basket/items/{product_id}/", CUSTOMER)
        yield Lead("How many there are", f"/api/stock/{product_id}/")
        for each in product["categories"]:
            address = f"/api/categories/{each['id']}/products/{product_id}/"
            yield Lead(f"Take it out of {each['name']}", address, MANAGER)

    def get_object(self) -> Product:
        """The product of the path."""
        return queries.product(self.kwargs["product_id"])

    @may_fail(ManagersChoose, PreconditionFailed)
    @extend_schema(
        parameters=[ProductFilters, IF_NONE_MATCH, ETAG],
        responses={200: ProductOutput(many=True), 304: UNCHANGED},
    )
    def list(self, request: Request) -> HttpResponseBase:
        """A page of products; a search, a category, prices and an order narrow and sort it."""
        self._refuse_archive(request)
        return answer_read(request, self._render)

    @may_fail(PreconditionFailed)
    @extend_schema(
        parameters=[PRODUCT_ID, IF_NONE_MATCH, ETAG], responses={200: ProductOutput, 304: UNCHANGED}
    )
    def retrieve(self, request: Request, product_id: str) -> HttpResponseBase:
        """One product, archived or not."""
        return answer_read(request, lambda: shown(self.get_object()))

    @form(
        "Create a product",
        says="Brings a product into the catalogue.",
        done="The product is in the catalogue.",
        initial=_new_product,
        example=_example,
        choices=_choices,
    )
    @may_fail(Contended)
    @extend_schema(parameters=[LOCATION, ETAG], responses={201: ProductOutput})
    def create(self, request: Request) -> HttpResponseBase:
        """Bring a product into the catalogue."""
        product = operations.create_product(self._validated().validated_data)
        location = reverse("product-detail", args=[product.pk], request=request)
        return answer_write(request, shown(product), 201, {"Location": location})

    @form(
        "Write it anew (PUT)",
        says="Sends every field as it stands below.",
        done="The product is changed.",
        choices=_choices,
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[PRODUCT_ID, IF_MATCH, ETAG], responses=ProductOutput)
    def update(self, request: Request, product_id: str) -> HttpResponseBase:
        """Change a product; `name` and `price` are required, what is not named stays."""
        return self._change(request, product_id, partial=False)

    @form(
        "Change this product",
        says="Sends the fields that you change, and leaves the others as they are.",
        done="The product is changed.",
        choices=_choices,
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[PRODUCT_ID, IF_MATCH, ETAG], responses=ProductOutput)
    def partial_update(self, request: Request, product_id: str) -> HttpResponseBase:
        """Change what is named."""
        return self._change(request, product_id, partial=True)

    @form(
        "Archive this product",
        says="It leaves the lists and is not sold any more. Orders that name it still show it. Safe to repeat.",
        asks="Archive this product? It leaves the lists and is not sold any more. Making it active brings it back.",
        done="The product is archived.",
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[PRODUCT_ID, IF_MATCH], responses={204: DONE})
    def destroy(self, request: Request, product_id: str) -> Response:
        """Archive a product: it leaves the lists and is not sold any more. Safe to repeat."""
        operations.archive_product(product_id, precondition(request, shown))
        return Response(status=204)

    @form(
        "Give it a picture",
        says="The file is drawn anew, without whatever else is in it, and shown wherever the product is.",
        done="The product has its picture.",
        then=AFTERWARDS,
    )
    @may_fail(PreconditionFailed, Contended, NotAPicture, BodyTooLarge, PicturesUnavailable, PicturesBusy)
    @extend_schema(parameters=[PRODUCT_ID, IF_MATCH, ETAG], request=PictureInput, responses=ProductOutput)
    @action(
        detail=True,
        methods=["put"],
        url_path="picture",
        url_name="picture",
        parser_classes=[PictureFormParser],
        serializer_class=PictureInput,
    )
    def set_picture(self, request: Request, product_id: str) -> HttpResponseBase:
        """Give a product its picture: a form with the file, which is drawn anew without whatever else is in it.

        What counts is the file's content, never its name or type.
        """
        demanded = precondition(request, shown)
        with in_time():
            demanded(self.get_object())  # before any work; it is looked at again with the change
        picture = picture_in(request.FILES.getlist(FIELD))

        def show(picture: Picture) -> Product:
            with in_time():
                return operations.set_picture(product_id, picture, demanded)

        return answer_write(request, shown(keep_and_show(picture, show)))

    @form(
        "Take its picture away",
        asks="Show no picture of this product any more?",
        done="The product has no picture any more.",
        then=AFTERWARDS,
    )
    @may_fail(PreconditionFailed, Contended)
    @extend_schema(parameters=[PRODUCT_ID, IF_MATCH], request=None, responses={204: DONE})
    @set_picture.mapping.delete
    def remove_picture(self, request: Request, product_id: str) -> Response:
        """Show no picture of a product. Safe to repeat."""
        with in_time():
            operations.remove_picture(product_id, precondition(request, shown))
        return Response(status=204)

    def _change(self, request: Request, product_id: str, *, partial: bool) -> HttpResponseBase:
        fields = self._validated(instance=self.get_object(), partial=partial).validated_data
        return answer_write(
            request, shown(operations.change_product(product_id, fields, precondition(request, shown)))
        )

    def _validated(self, **kwargs: Any) -> Any:
        body = self.get_serializer(data=self.request.data, **kwargs)
        body.is_valid(raise_exception=True)
        return body

    def _render(self) -> Shown:
        page: Any = self.paginate_queryset(Counted(self._wanted()))  # type: ignore[arg-type]
        return self.get_paginated_response(show_products(page)).data  # type: ignore[no-any-return]

    def _wanted(self) -> Any:
        query = ProductFilters(
            data={name: value for name, value in self.request.query_params.items() if str(value).strip()}
        )
        query.is_valid(raise_exception=True)
        return queries.products(query.validated_data)

    @staticmethod
    def _refuse_archive(request: Request) -> None:
        if not request.query_params.get("is_active", "").strip():
            return
        if not isinstance(request.user, Principal):
            raise NotAuthenticated(
                "Only managers choose by is_active: leave it out, or send a manager's token."
            )
        if not request.user.is_manager:
            raise ManagersChoose
