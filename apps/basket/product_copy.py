"""The copy of the catalogue: what a basket must know of each product, kept up to date by `product.events`.

One Redis hash: product id -> "version is_active currency price name". The copy is whole when every
partition of the topic has been read to the end that it had when reading began: one partition, or as many as
an earlier release has made.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.basket.errors import CatalogueIncomplete
from apps.basket.scripts import redis, run
from shared.contracts import ProductEvent
from shared.messaging.envelope import Received

COPIES = "catalogue"
COMPLETE = "catalogue:complete"  # a set: the partitions that were read to their end
WHOLE = "catalogue:whole"  # is there when those are all that the topic has


@dataclass(frozen=True, slots=True)
class ProductCopy:
    """A product as it was when its event was sent."""

    version: int
    is_active: bool
    currency: str
    price: Decimal
    name: str

    def __str__(self) -> str:
        return f"{self.version} {int(self.is_active)} {self.currency} {self.price:.2f} {self.name}"


def parse(text: bytes) -> ProductCopy:
    """What `str` wrote; the name comes last since it may hold spaces."""
    version, is_active, currency, price, name = text.decode().split(" ", 4)
    return ProductCopy(int(version), is_active == "1", currency, Decimal(price), name)


def copy_products(events: Sequence[Received[ProductEvent]]) -> None:
    """Take over every product of `events` that is newer than what is known, in one script."""
    args: list[str] = []
    for event in events:
        product = event.message
        copy = ProductCopy(product.version, product.is_active, product.currency, product.price, product.name)
        args += [product.product_id, str(copy)]
    run("copy_products", [COPIES], args)


def sold(product_ids: Collection[str]) -> set[str]:
    """Which of `product_ids` can be bought. Raises CatalogueIncomplete where it cannot know yet."""
    wanted = list(product_ids)
    if not wanted:
        return set()
    with redis().pipeline(transaction=True) as pipe:
        pipe.hmget(COPIES, wanted)
        pipe.exists(WHOLE)
        texts, is_whole = pipe.execute()
    if None in texts and not is_whole:
        raise CatalogueIncomplete
    return {
        product
        for product, text in zip(wanted, texts, strict=True)
        if text is not None and parse(text).is_active
    }
