"""Load what the shop sells in a demonstration, once for each set of data."""

from launcher.instance import Instance
from launcher.migrations import once, run_django
from launcher.system import service

LOADED = "loaded"


def load_products(instance: Instance) -> None:
    """Categories and products, which become events for the other services."""
    once(instance, "demo-products", LOADED, lambda: run_django(service("product"), instance, "load_demo"))


def load_stock(instance: Instance) -> None:
    """Quantities, once the stock service has heard of every product."""
    command = ("load_demo_stock", "--expect", str(number_of_products()))
    once(instance, "demo-stock", LOADED, lambda: run_django(service("stock"), instance, *command))


def leave_out(instance: Instance) -> None:
    """Never load it on the data that are there now: a shop that was restored sells what it sold."""
    for name in ("demo-products", "demo-stock"):
        (instance.data / name).write_text(LOADED)


def number_of_products() -> int:
    """How many products the demonstration sells."""
    from apps.product.demo.catalogue import categories

    return sum(len(category.products) for category in categories())
