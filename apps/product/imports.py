"""Products from a CSV file, and to one: first what the file would do, row by row, then each row by the operation.

A row with an id changes that product; a row without one changes the product that has its slug already, or makes a new
one. So the same file twice makes nothing twice. A column that the file does not have leaves what is there; an empty
cell empties what may be empty (description, categories, image) and leaves everything else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.core import signing
from django.utils.text import slugify

from apps.product import image_urls, queries
from apps.product.bulk import AGREED_FOR, Row, price_of
from apps.product.errors import texts_of
from apps.product.models import MAX_SLUG, Category, Product
from apps.product.serializers import ProductInput
from shared.admin.spreadsheets import MOST_BYTES, Line, UnreadableFile

COLUMNS = ("id", "name", "slug", "description", "price", "currency", "categories", "image", "is_active")
SALT = "product.import"
MAY_BE_EMPTY = {"description", "categories", "image"}
YES, NO = {"true", "yes", "1"}, {"false", "no", "0"}
BETWEEN = ";"  # two slugs of categories
SHOWN = 60  # characters of a value in the report
NOTHING = "nothing"


class ImportedProduct(ProductInput):
    """The API's rules for one row; slugs and categories of all rows were looked up together before."""

    def validate_slug(self, slug: str) -> str:
        """Checked before, for all rows at once."""
        return slug

    def validate_categories(self, ids: list[ObjectId]) -> list[ObjectId]:
        """Checked before, for all rows at once."""
        return list(dict.fromkeys(ids))


def checked(lines: Sequence[Line]) -> list[Row]:
    """A row for each line, with all that can be said about it before anything is changed."""
    by_id = queries.products_by_id(
        {line.cells["id"] for line in lines if queries.ID.fullmatch(line.cells.get("id", ""))}
    )
    slugs = [_slug(line, by_id) for line in lines]
    by_slug = {each.slug: each for each in Product.objects.filter(slug__in=[slug for slug in slugs if slug])}
    categories = _categories(lines, [*by_id.values(), *by_slug.values()])
    rows = [
        _checked(line, slug, _meant(line, slug, by_id, by_slug), by_slug, categories)
        for line, slug in zip(lines, slugs, strict=True)
    ]
    _refuse_twice(rows, slugs)
    return rows


def _categories(lines: Iterable[Line], products: Iterable[Product]) -> Mapping[str, ObjectId]:
    """The ids of all categories that the file names or `products` are in, by slug."""
    slugs = {slug for line in lines for slug in _split(line.cells.get("categories", ""))}
    named = dict(Category.objects.filter(slug__in=slugs).values_list("slug", "pk")) if slugs else {}
    return {**named, **{each.slug: each.pk for each in queries.categories_of(products).values()}}


def _split(cell: str) -> list[str]:
    return [slug.strip() for slug in cell.split(BETWEEN) if slug.strip()]


def _slug(line: Line, by_id: Mapping[str, Product]) -> str:
    """The slug that the line's product will have: the line's own, what it has already, or one made from the name."""
    cells = line.cells
    known = by_id.get(cells.get("id", ""))
    return (
        cells.get("slug")
        or (known.slug if known else "")
        or slugify(cells.get("name", ""))[: MAX_SLUG - 25].strip("-")
    )


def _meant(
    line: Line, slug: str, by_id: Mapping[str, Product], by_slug: Mapping[str, Product]
) -> Product | None:
    return by_id.get(line.cells["id"]) if line.cells.get("id") else by_slug.get(slug)


def _checked(
    line: Line,
    slug: str,
    product: Product | None,
    by_slug: Mapping[str, Product],
    categories: Mapping[str, ObjectId],
) -> Row:
    row = Row(line.cells.get("name") or (product.name if product else ""), line=line.number)
    if line.cells.get("id") and product is None:
        row.errors.append("There is no product with this id.")
        return row
    if product is None and not slug:
        row.errors.append("slug: None can be made from this name, so it has to be given.")
    if product:
        row.product_id, row.version = str(product.pk), product.version
    body = _body(line, row.errors, categories)
    if slug and not (product and product.slug == slug):
        body["slug"] = slug
    other = by_slug.get(slug)
    if other and (product is None or other.pk != product.pk):
        row.errors.append("slug: Another product has this slug already.")
    checked = ImportedProduct(instance=product, data=body, partial=product is not None)
    if not checked.is_valid():
        row.errors += [f"{name}: {text}" for name, each in checked.errors.items() for text in texts_of(each)]
    if not row.errors:
        _compare(row, product, checked.validated_data, categories)
    return row


def _body(line: Line, errors: list[str], categories: Mapping[str, ObjectId]) -> dict[str, Any]:
    """What the API would be sent; what it could not be asked about goes to `errors`."""
    body: dict[str, Any] = {
        name: cell for name, cell in line.cells.items() if name != "id" and (cell or name in MAY_BE_EMPTY)
    }
    if "is_active" in body:
        flag = body.pop("is_active").lower()
        if flag in YES | NO:
            body["is_active"] = flag in YES
        else:
            errors.append(f"is_active: true or false, not “{flag[:SHOWN]}”.")
    if "categories" in body:
        slugs = _split(body["categories"])
        if unknown := [slug[:SHOWN] for slug in slugs if slug not in categories]:
            errors.append(f"categories: There is no category with the slug {', '.join(unknown)}.")
        body["categories"] = [str(categories[slug]) for slug in slugs if slug in categories]
    return body


def _compare(row: Row, product: Product | None, fields: Any, categories: Mapping[str, ObjectId]) -> None:
    if product is None:
        row.fields = fields
        row.changes = f"new: {fields['price']:.2f} {fields.get('currency', 'EUR')}"
        return
    different = {name: value for name, value in fields.items() if getattr(product, name) != value}
    row.fields = different  # type: ignore[assignment]
    row.changes = "; ".join(_told(product, name, value, categories) for name, value in different.items())


def _told(product: Product, name: str, value: Any, categories: Mapping[str, ObjectId]) -> str:
    was = getattr(product, name)
    if name == "price":
        return f"price {price_of(product)} → {value:.2f}"
    if name == "categories":
        slugs = {pk: slug for slug, pk in categories.items()}
        before, after = (
            ", ".join(slugs[each] for each in ids if each in slugs) or NOTHING for ids in (was, value)
        )
        return f"categories {before} → {after}"
    if name == "description" and not value:
        return "description emptied"
    before, after = _both(str(was), str(value))
    return f"{name} {before} → {after}"


def _both(before: str, after: str) -> tuple[str, str]:
    """Two texts so far as they are shown: long ones from shortly before the place where they begin to differ."""
    pairs = enumerate(zip(before, after, strict=False))
    place = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, place - SHOWN // 3) if place >= SHOWN // 2 else 0

    def part(text: str) -> str:
        shown = text[start : start + SHOWN]
        return f"{'…' if start else ''}{shown}{'…' if len(text) > start + SHOWN else ''}" if text else NOTHING

    return part(before), part(after)


def _refuse_twice(rows: Sequence[Row], slugs: Sequence[str]) -> None:
    """No product may stand in two rows, nor two products get one slug."""
    by_slug = Counter(slugs)
    by_id = Counter(row.product_id for row in rows if row.product_id)
    for row, slug in zip(rows, slugs, strict=True):
        if by_id[row.product_id] > 1 or (slug and by_slug[slug] > 1):
            row.errors.append("Another row is about the same product, or has the same slug.")


def agreement(rows: Iterable[Row]) -> str:
    """What a form carries from the dry run to the run. Raises UnreadableFile where it would be too large for that."""
    known = [
        (row.line, row.name, row.product_id, row.version, row.changes, _plain(row.fields))
        for row in rows
        if row.is_to_do
    ]
    text = signing.dumps(known, salt=SALT, compress=True)
    if len(text) > MOST_BYTES - 10_000:
        raise UnreadableFile("That is too much text at once: send it in two files.")
    return text


def agreed(text: str) -> list[Row]:
    """The rows of an `agreement`. Raises signing.BadSignature where it is none, or an old one."""
    known = signing.loads(text, salt=SALT, max_age=AGREED_FOR)
    return [
        Row(name, version, product_id, line, _fields(fields), changes=changes)
        for line, name, product_id, version, changes, fields in known
    ]


def _plain(fields: Any) -> dict[str, Any]:
    """As JSON has it."""
    plain = dict(fields)
    if "price" in plain:
        plain["price"] = str(plain["price"])
    if "categories" in plain:
        plain["categories"] = [str(each) for each in plain["categories"]]
    return plain


def _fields(plain: dict[str, Any]) -> Any:
    fields = dict(plain)
    if "price" in fields:
        fields["price"] = Decimal(fields["price"])
    if "categories" in fields:
        fields["categories"] = [ObjectId(each) for each in fields["categories"]]
    return fields


def exported(products: Iterable[Product]) -> Iterator[Sequence[str]]:
    """`products` as rows below `COLUMNS`, some hundred at a time for the sake of their categories."""
    some: list[Product] = []
    for product in products:
        some.append(product)
        if len(some) == AT_ONCE:
            yield from _rows(some)
            some.clear()
    yield from _rows(some)


AT_ONCE = 500  # products


def _rows(products: Sequence[Product]) -> Iterator[Sequence[str]]:
    categories = queries.categories_of(products)
    for each in products:
        slugs = [categories[key].slug for key in each.categories if key in categories]
        yield (
            str(each.pk),
            each.name,
            each.slug,
            each.description,
            f"{each.price:.2f}",
            each.currency,
            BETWEEN.join(slugs),
            image_urls.absolute(each.image),
            "true" if each.is_active else "false",
        )
