"""Brings the demonstration into the catalogue: what is there already stays as managers have made it."""

from datetime import UTC, datetime, timedelta

from apps.product.demo import catalogue
from apps.product.demo.catalogue import DemoCategory, DemoProduct
from apps.product.models import Category, Product
from apps.product.operations import announce, free_slug, renew
from apps.product.transactions import in_transaction
from shared.contracts import ProductCreated
from shared.history.record import record

OPENED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)  # the first product came, then one an hour
CURRENCY = "EUR"


@in_transaction
def load(demo_category: DemoCategory) -> int:
    """Bring in what is missing of `demo_category`, in one transaction; returns how many products that were."""
    if not Category.objects.filter(pk=demo_category.id).exists():
        category = Category(pk=demo_category.id, name=demo_category.name)
        category.slug = free_slug(category)
        category.save(force_insert=True)
        record(category, "created", {"name": (None, category.name), "slug": (None, category.slug)})
        renew()
    known = set(
        Product.objects.filter(pk__in=[item.id for item in demo_category.products]).values_list(
            "pk", flat=True
        )
    )
    missing = [_product(demo_category, item) for item in demo_category.products if item.id not in known]
    if missing:
        Product.objects.bulk_create(missing)
        announce(ProductCreated, missing)
    return len(missing)


def _product(demo_category: DemoCategory, item: DemoProduct) -> Product:
    came_at = OPENED_AT + timedelta(hours=_place(demo_category, item))
    product = Product(
        pk=item.id,
        name=item.name,
        description=item.description,
        price=item.price,
        currency=CURRENCY,
        categories=[demo_category.id],
        image=item.image,
        created_at=came_at,
        updated_at=came_at,
    )
    product.slug = free_slug(product)
    product.index()
    return product


def _place(demo_category: DemoCategory, item: DemoProduct) -> int:
    # The categories take turns, so that the newest products show something of each.
    demo_categories = catalogue.categories()
    return demo_category.products.index(item) * len(demo_categories) + demo_categories.index(demo_category)
