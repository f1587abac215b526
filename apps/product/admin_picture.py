"""The page of the back office on which a product gets its picture, or loses it."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from rest_framework.exceptions import APIException, ValidationError

from apps.product import image_urls, operations, queries
from apps.product.errors import TAKEN, ProductNotFound
from apps.product.imaging import Picture
from apps.product.models import Product
from apps.product.mongodb import in_time
from apps.product.uploads import FIELD, PictureFormParser, keep_and_show, picture_in
from shared.http.preconditions import PreconditionFailed
from shared.http.problems import flatten, is_store_away

CHANGED = (
    "Somebody else has changed this product since you opened this page. Look at it again; nothing was done."
)
AWAY = "The catalogue cannot be reached right now. Nothing was changed; try again shortly."


def picture_page(request: HttpRequest, product_id: str) -> HttpResponseBase:
    """The page, or what its two forms lead to."""
    try:
        with in_time():
            product = queries.product(product_id)
    except ProductNotFound as error:
        raise Http404 from error
    wrong: list[str] = []
    if request.method == "POST":
        done, wrong = _posted(request, product)
        if done:
            messages.success(request, f"{product}: {done}.")
            return HttpResponseRedirect(request.path)
    return _page(request, product, wrong)


def _posted(request: HttpRequest, product: Product) -> tuple[str, list[str]]:
    """What was done, or why nothing was."""
    try:
        if request.content_type == PictureFormParser.media_type:
            _upload(request, product)
            return "picture set", []
        with in_time():
            operations.remove_picture(str(product.pk), _as_seen(request.POST.get("seen", "")))
    except PreconditionFailed:
        return "", [CHANGED]
    except ValidationError as refused:
        return "", [each["detail"] for each in flatten(refused.detail)]
    except APIException as refused:
        return "", [str(refused.detail)]
    except Exception as error:
        if not is_store_away(error):
            raise
        return "", [AWAY]
    return "picture removed", []


def _upload(request: HttpRequest, product: Product) -> None:
    kind = request.META["CONTENT_TYPE"]
    sent = PictureFormParser().parse(request, kind, {"request": request})
    demanded = _as_seen(sent.data.get("seen", ""))
    demanded(product)

    def show(picture: Picture) -> Product:
        with in_time():
            return operations.set_picture(str(product.pk), picture, demanded)

    keep_and_show(picture_in(sent.files.getlist(FIELD)), show)


def _as_seen(version: str) -> operations.Precondition:
    def check(found: Any) -> None:
        if str(found.version) != version:
            raise PreconditionFailed

    return check


def _page(request: HttpRequest, product: Product, wrong: list[str]) -> HttpResponse:
    address = image_urls.stored(product.image) if product.image else None
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "opts": Product._meta,
        "title": f"Picture of {product}",
        "original": product,
        "picture": address and image_urls.in_width(address, image_urls.SHOWN),
        "field": FIELD,
        "taken": TAKEN,
        "wrong": wrong,
    }
    return TemplateResponse(request, "admin/product/picture.html", context)
