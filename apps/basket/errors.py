"""What can go wrong with a basket, one class for each, with its status and the way out."""

from typing import ClassVar

from shared.http.problems import RETRY_AFTER, Problem


class ProductNotFound(Problem):
    """The product does not exist, or is not sold any more."""

    slug = "product-not-found"
    status_code = 404
    title = "There is no such product"
    default_detail = "There is no such product, or it is not sold any more. /api/products/ lists what is."


class BasketFull(Problem):
    """A basket holds so many different products and no more."""

    slug = "basket-full"
    status_code = 409
    title = "The basket is full"
    default_detail = "A basket holds 100 different products. Take one out, or order what is in it first."


class MixedCurrencies(Problem):
    """One basket has one currency."""

    slug = "mixed-currencies"
    status_code = 409
    title = "The prices are in different currencies"
    default_detail = "One basket can only hold products of one currency. Order them apart."


class BasketChanged(Problem):
    """`If-Match` or `If-None-Match` does not hold; `version` is the one that is there now."""

    slug = "precondition-failed"
    status_code = 412
    title = "The basket has changed"
    example: ClassVar = {"version": 7}
    default_detail = "The basket is not the one that If-Match names. Read it again and send its new ETag."


class CatalogueIncomplete(Problem):
    """The copy of the catalogue was lost and is being read again."""

    slug = "store-unavailable"
    status_code = 503
    title = "The catalogue is being read"
    default_detail = "The copy of the catalogue is being rebuilt. Nothing was changed; try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(RETRY_AFTER)})
