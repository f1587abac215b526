"""What can go wrong with the catalogue, one class for each, with its status and the way out."""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from bson import ObjectId
from rest_framework.exceptions import ValidationError

from shared.http.problems import Problem, StoreUnavailable


class ProductNotFound(Problem):
    """No product has this id."""

    slug = "not-found"
    status_code = 404
    default_detail = "There is no product with this id. /api/products/ lists those there are."


class CategoryNotFound(Problem):
    """No category has this id."""

    slug = "not-found"
    status_code = 404
    default_detail = "There is no category with this id. /api/categories/ lists those there are."


class ManagersChoose(Problem):
    """`is_active` is for managers."""

    slug = "forbidden"
    status_code = 403
    default_detail = "Only managers choose by is_active: leave it out."


class Contended(Problem):
    """Every try met another writer."""

    slug = "contended"
    status_code = 503
    title = "Too many changes at once"
    default_detail = (
        "Others are changing the catalogue at the same time. Nothing was changed; try again shortly."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class SlugTaken(ValidationError):
    """Another one has this slug."""

    def __init__(self) -> None:
        super().__init__({"slug": ["Another one has this slug already."]}, code="unique")


class UnknownCategories(ValidationError):
    """A product was to be put in categories of which `missing` do not exist; names each at its place."""

    TEXT: ClassVar = "There is no category with this id."

    def __init__(self, ids: Iterable[ObjectId], missing: Container[ObjectId]) -> None:
        wrong = {str(place): [self.TEXT] for place, each in enumerate(ids) if each in missing}
        super().__init__({"categories": wrong}, code="does_not_exist")


class PictureMissing(ValidationError):
    """A product was to show an uploaded picture whose files are not there."""

    def __init__(self) -> None:
        super().__init__(
            {"image": ["This picture is not there any more: upload it again."]}, code="does_not_exist"
        )


class UnknownProduct(ValidationError):
    """A body names a product that does not exist."""

    def __init__(self) -> None:
        super().__init__({"product_id": ["There is no product with this id."]}, code="does_not_exist")


# What a manager may send as a picture; the limits are those of `apps.product.imaging`.
TAKEN = "a JPEG, PNG or WebP of at most 10 MiB, with 32 to 12,000 pixels on each side and 25 million in all"


class NotAPicture(Problem):
    """An upload holds something else than one of the three formats, whatever its name says."""

    slug = "unsupported-media-type"
    status_code = 415
    default_detail = f"By its content this is none of the formats that are taken. Send {TAKEN}."


class BadPicture(ValidationError):
    """An upload cannot become a product's picture, for the reason that its code names."""

    TEXTS: ClassVar = {
        "required": f"Send one file in the field `picture`: {TAKEN}.",
        "repeated": "There is more than one file in the field `picture`: send one.",
        "empty": "The file is empty.",
        "broken": "The file is damaged or not whole: it cannot be shown. Save the picture again and send that.",
        "animated": "The picture moves. Send one that does not.",
        "too_small": f"The picture is too small. Send {TAKEN}.",
        "too_large": f"The picture has too many pixels. Send {TAKEN}.",
    }

    def __init__(self, code: str) -> None:
        super().__init__({"picture": [self.TEXTS[code]]}, code=code)


class PicturesUnavailable(StoreUnavailable):
    """The place where uploaded pictures are kept cannot be reached, or takes nothing."""

    default_detail = (
        "The place where pictures are kept does not answer. The product was not changed; try again shortly."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class PicturesBusy(Problem):
    """As many uploads are in hand as this process takes."""

    slug = "overloaded"
    status_code = 503
    title = "Too much at once"
    default_detail = "Other pictures are in hand. Nothing was changed; try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class PictureGone(Exception):
    """The files of a picture that a product was to show were tidied away meanwhile: they are to be written again."""


def texts_of(detail: Any) -> Iterator[str]:
    """Every text in the detail of an API's error, whatever it is nested in."""
    if isinstance(detail, Mapping):
        for each in detail.values():
            yield from texts_of(each)
    elif isinstance(detail, list | tuple):
        for each in detail:
            yield from texts_of(each)
    else:
        yield str(detail)
