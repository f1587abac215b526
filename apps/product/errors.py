"""What can go wrong with the catalogue, one class for each, with its status and the way out."""

from collections.abc import Container, Iterable
from typing import ClassVar

from bson import ObjectId
from rest_framework.exceptions import ValidationError

from shared.http.problems import Problem


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


class UnknownProduct(ValidationError):
    """A body names a product that does not exist."""

    def __init__(self) -> None:
        super().__init__({"product_id": ["There is no product with this id."]}, code="does_not_exist")
