"""A client that nobody wrote: made from the published document, type-checked, and used to buy something.

Goes red when, for example, `OrderPlacement` loses its `items` in the document, or an operation gets another name.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Shopper
from tests.system.waiting import eventually

PACKAGE = "microcommerce_client"
# A picture is bytes to a program; nothing is formatted, since nobody keeps it.
CONFIGURATION = """
content_type_overrides:
  image/svg+xml: application/octet-stream
post_hooks: []
"""


@pytest.fixture(scope="module")
def generated(anybody: Shopper, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of the client that was made from what the gateway serves."""
    directory = tmp_path_factory.mktemp("generated")
    schema, configuration = directory / "schema.json", directory / "configuration.yaml"
    schema.write_bytes(anybody.send("GET", "/api/schema/").content)
    configuration.write_text(CONFIGURATION)
    command = [
        str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--path", str(schema),
        "--config", str(configuration), "--meta", "none", "--output-path", str(directory / PACKAGE),
        "--fail-on-warning",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(directory))
    yield directory
    sys.path.remove(str(directory))


class Generated:
    """The generated client with a customer's token."""

    def __init__(self, shopper: Shopper) -> None:
        assert shopper.log_in
        client = import_module(f"{PACKAGE}.client").AuthenticatedClient
        self.client = client(base_url=shopper.address, token=shopper.log_in.token)
        self.models = import_module(f"{PACKAGE}.models")

    def call(self, operation: str, *args: Any, **fields: Any) -> Any:
        """What `orders.orders_create`, for example, answers: a model, or a Problem."""
        return import_module(f"{PACKAGE}.api.{operation}").sync(*args, client=self.client, **fields)

    def order(self, **items: Any) -> Any:
        """A placed order."""
        address = self.models.ShippingAddress(**ADDRESS)
        body = self.models.OrderPlacement(shipping_address=address, **items)
        order = self.call("orders.orders_create", body=body, idempotency_key=str(uuid4()))
        assert isinstance(order, self.models.Order), order
        return order

    def becomes(self, order: Any, status: str) -> None:
        """The order gets this status."""
        eventually(
            lambda: self.call("orders.orders_retrieve", order.id),
            lambda now: now.status == status,
            what=f"{order.number} {status}",
        )


@pytest.fixture
def client(generated: Path, shopper: Shopper) -> Generated:
    return Generated(shopper)


def test_a_client_made_from_the_document_buys_something(
    client: Generated, shop: Shop, shopper: Shopper
) -> None:
    product = shop.product(stock=5)
    shopper.put_in_basket(
        product, 1
    )  # waits until the basket knows the product, which the next line takes for granted
    basket = client.call("basket.basket_item_set", product.id, body=client.models.BasketQuantity(quantity=2))
    assert [(line.product_id, line.quantity) for line in basket.items] == [(product.id, 2)]
    assert basket.items[0].unit_price == product.price

    found = client.call("products.products_retrieve", product.id)
    assert (found.id, found.name, found.price) == (product.id, product.name, product.price)
    page = client.call("products.products_list", page_size=1)
    assert (len(page.results), page.count > 0) == (1, True)

    order = client.order()
    assert [(line.product_id, line.quantity) for line in order.items] == [(product.id, 2)]
    client.becomes(order, "confirmed")

    wanted = client.models.OrderItem(product_id=product.id, quantity=1)
    other = client.order(items=[wanted])
    cancelled = client.call("orders.orders_cancel", other.id, body=client.models.OrderCancellation())
    assert cancelled.id == other.id
    client.becomes(other, "cancelled")


def test_its_problems_are_typed_too(client: Generated) -> None:
    address = client.models.ShippingAddress(**ADDRESS)
    refused = client.call("orders.orders_create", body=client.models.OrderPlacement(shipping_address=address))
    assert isinstance(refused, client.models.Problem)
    assert refused.type_.endswith("/problems/basket-empty")
    assert refused.status == 409


def test_the_type_checker_has_nothing_to_say_about_it(generated: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--no-incremental", "-p", PACKAGE],
        cwd=generated,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
