"""One change to many products: first what it would do to each, then each by the operation, as far as time allows.

Who agrees, agrees to what was shown: the form between the two pages carries each product's version, signed, and a
product that has another one by then is left alone.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from bson import ObjectId
from django.core import signing
from rest_framework.exceptions import APIException

from apps.product import operations, queries
from apps.product.errors import Contended, PicturesUnavailable, texts_of
from apps.product.models import Product
from apps.product.mongodb import in_time
from apps.product.operations import ProductFields
from apps.product.serializers import MAX_CATEGORIES
from apps.product.transactions import in_transaction
from shared.admin.options import SECONDS
from shared.http.fields import MAX_MONEY
from shared.http.preconditions import PreconditionFailed
from shared.http.problems import is_store_away

TOGETHER = 50  # products of one transaction: its commit is what takes longest
AGREED_FOR = 60 * 60  # seconds: what was shown this morning is not agreed to tonight
SALT = "product.bulk"
WHOLE = frozenset(  # currencies without a smaller unit (ISO 4217); prices here have two places at most
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905
)


@dataclass
class Row:
    """One product, or one line of a file: what is to be done to it, and what came of it."""

    name: str
    version: int = 0  # as it was shown; 0: it is not there yet
    product_id: str = ""
    line: int = 0
    fields: ProductFields = field(default_factory=ProductFields)
    before: str = ""
    after: str = ""
    changes: str = ""
    errors: list[str] = field(default_factory=list)
    product: Product | None = None  # what it became, once it is done

    @property
    def is_to_do(self) -> bool:
        """Whether it can be done and changes something."""
        return bool(self.fields) and not self.errors and self.product is None


@dataclass(frozen=True)
class BulkChange:
    """A change that many can have: `fields` of one product with the parameter that was chosen; raises ValueError."""

    question: str
    done: str
    fields: Callable[[Product, str], ProductFields]
    tell: Callable[[Product, str], str]  # what a product has, as the preview says it


def archive(product: Product, _: str) -> ProductFields:
    """Archive a product."""
    return {"is_active": False}


def bring_back(product: Product, _: str) -> ProductFields:
    """Restore an archived product."""
    return {"is_active": True}


def change_price(product: Product, percent: str) -> ProductFields:
    """So many per cent more or less, in whole units of what the currency counts in, half upwards."""
    unit = Decimal(1) if product.currency in WHOLE else Decimal("0.01")
    price = (product.price * (100 + Decimal(percent)) / 100).quantize(unit, ROUND_HALF_UP)
    if price <= 0:
        raise ValueError("Nothing would be left of the price.")
    if price >= MAX_MONEY:
        raise ValueError("The price would be too large.")
    return {"price": price.quantize(Decimal("0.01"))}


def put_into(product: Product, category_id: str) -> ProductFields:
    """Add a product to a category; raises ValueError where it has as many as it may."""
    categories = list(dict.fromkeys([*product.categories, ObjectId(category_id)]))
    if len(categories) > MAX_CATEGORIES:
        raise ValueError(f"It is in {MAX_CATEGORIES} categories already.")
    return {"categories": categories}


def take_out_of(product: Product, category_id: str) -> ProductFields:
    """Remove a product from a category."""
    return {"categories": [each for each in product.categories if str(each) != category_id]}


def price_of(product: Product) -> str:
    """An amount with its currency."""
    return f"{product.price:.2f} {product.currency}"


def _sold(product: Product, _: str) -> str:
    return "active" if product.is_active else "archived"


def _inside(product: Product, category_id: str) -> str:
    return "in it" if ObjectId(category_id) in product.categories else "not in it"


CHANGES = {
    "archive": BulkChange("Archive these products?", "archived", archive, _sold),
    "bring_back": BulkChange("Restore these products?", "restored", bring_back, _sold),
    "change_price": BulkChange(
        "Change these prices?", "repriced", change_price, lambda each, _: price_of(each)
    ),
    "put_into": BulkChange("Add these products to a category?", "added to the category", put_into, _inside),
    "take_out_of": BulkChange(
        "Remove these products from a category?", "removed from the category", take_out_of, _inside
    ),
}


def previewed(action: str, parameter: str, products: Iterable[Product]) -> list[Row]:
    """What `action` would do to each of `products`."""
    change = CHANGES[action]
    return [_row(change, parameter, product) for product in products]


def _row(change: BulkChange, parameter: str, product: Product) -> Row:
    row = Row(product.name, product.version, str(product.pk))
    row.before = change.tell(product, parameter)
    try:
        wanted = change.fields(product, parameter)
    except ValueError as error:
        row.errors.append(str(error))
        return row
    if any(getattr(product, name) != value for name, value in wanted.items()):
        row.fields = wanted
        for name, value in wanted.items():
            setattr(product, name, value)
    row.after = change.tell(product, parameter)
    row.changes = f"{row.before} → {row.after}"
    return row


def agreement(action: str, parameter: str, rows: Iterable[Row]) -> str:
    """What a form carries from the preview on: what is to be done, to which versions of which products."""
    shown = [(row.product_id, row.version) for row in rows if row.is_to_do]
    return signing.dumps((action, parameter, shown), salt=SALT, compress=True)


def agreed(text: str) -> tuple[str, list[Row]]:
    """The action and the rows of an `agreement`. Raises signing.BadSignature where it is none, or an old one."""
    action, parameter, shown = signing.loads(text, salt=SALT, max_age=AGREED_FOR)
    known = queries.products_by_id(product_id for product_id, _ in shown)
    rows = []
    for product_id, version in shown:
        product = known.get(product_id)
        if product is None or product.version != version:
            rows.append(Row(product.name if product else product_id, version, product_id, errors=[OTHER]))
        else:
            rows.append(_row(CHANGES[action], parameter, product))
    return action, rows


OTHER = "It is not what was shown any more: somebody changed it meanwhile. Look again, then repeat it."


def as_it_was_shown(version: int) -> operations.Precondition:
    """That nobody changed it since."""

    def check(product: Product) -> None:
        if product.version != version:
            raise PreconditionFailed(OTHER)

    return check


def carry_out(rows: Sequence[Row]) -> int:
    """Do what is to be done to each row; returns how many were done. Why others were not is in their `errors`.

    Some at a time share a transaction; where one of them is refused, each of them gets its own. A store that is
    away ends it, as does the time that the gateway waits: the rows from there on say so.
    """
    give_up_at = time.monotonic() + SECONDS
    todo = [row for row in rows if row.is_to_do]
    for at in range(0, len(todo), TOGETHER):
        why = _some(todo[at : at + TOGETHER], give_up_at)
        if why:
            for row in todo[at:]:
                if row.is_to_do:
                    row.errors.append(why)
            break
    return sum(row.product is not None for row in todo)


NO_TIME = "There was no time left for this: do it again."


def _some(rows: Sequence[Row], give_up_at: float) -> str:
    """Do these rows; returns why it makes no sense to go on, mostly nothing."""
    try:
        if time.monotonic() > give_up_at:
            return NO_TIME
        with in_time():
            if _do_all_or_none(rows):
                return ""
        for row in rows:
            if time.monotonic() > give_up_at:
                return NO_TIME
            with in_time():
                _do_alone(row)
    except (Contended, PicturesUnavailable) as refused:
        return str(refused.detail)
    except Exception as error:
        if not is_store_away(error):
            raise
        # Also a commit that was not answered: MongoDB may have it.
        return f"A store cannot be reached ({error}): this may not have been done. Look before you repeat it."
    return ""


def _do_all_or_none(rows: Sequence[Row]) -> bool:
    try:
        products = _do(rows)
    except (Contended, PicturesUnavailable):
        raise
    except APIException:
        return False
    for row, product in zip(rows, products, strict=True):
        row.product = product
    return True


def _do_alone(row: Row) -> None:
    try:
        (row.product,) = _do([row])
    except (Contended, PicturesUnavailable):
        raise
    except APIException as refused:
        row.errors.append(" ".join(texts_of(refused.detail)))


@in_transaction
def _do(rows: Sequence[Row]) -> list[Product]:
    new = iter(operations.create_products([row.fields for row in rows if not row.version]))
    changed = iter(
        operations.change_products(
            [
                operations.ProductChange(row.product_id, row.fields, as_it_was_shown(row.version))
                for row in rows
                if row.version
            ]
        )
    )
    return [next(changed if row.version else new) for row in rows]
