"""A shop with two products, and a basket service that the tests fill."""

import json
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from apps.order.product_copy import copy_products
from shared import contracts as c
from shared.testing.messages import received

TEA = "a" * 24
CUP = "b" * 24
GONE = "c" * 24
UNKNOWN = "d" * 24
ADDRESS = {
    "name": "Alice",
    "line1": "Main Street 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


def product(product_id: str, price: str, *, version: int = 1, is_active: bool = True) -> c.ProductCreated:
    return c.ProductCreated(
        product_id=product_id,
        name=product_id[:3],
        price=Decimal(price),
        currency="EUR",
        is_active=is_active,
        version=version,
    )


@pytest.fixture
def shop(transactional_db: None) -> None:
    copy_products(
        [
            received(product(TEA, "2.50")),
            received(product(CUP, "10.00")),
            received(product(GONE, "1.00", is_active=False)),
        ]
    )


class ManyAtOnce(ThreadingHTTPServer):
    """Lets sixteen callers in at once: the usual five would leave some waiting for a second or more."""

    request_queue_size = 128


class BasketService:
    """The basket service as the order service sees it: HTTP, one basket for each token."""

    def __init__(self) -> None:
        self.status = 200
        self.basket: dict[str, Any] = {"version": 1, "items": []}
        self.seen: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append(dict(self.headers))
                body = json.dumps(outer.basket).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ManyAtOnce(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def fill(self, version: int, **quantities: int) -> None:
        """So many of each product, all of which can be bought."""
        names = {"tea": TEA, "cup": CUP, "gone": GONE, "new": UNKNOWN}
        self.basket = {
            "version": version,
            "items": [
                {"product_id": names[name], "name": name.title(), "quantity": n, "available": True}
                for name, n in quantities.items()
            ],
        }

    def withdraw(self, product_id: str, reason: str) -> None:
        """One of the lines cannot be bought any more."""
        for item in self.basket["items"]:
            if item["product_id"] == product_id:
                item.update(available=False, unavailable_reason=reason)

    def forget_availability(self) -> None:
        """The basket service is of a release that said nothing of it."""
        for item in self.basket["items"]:
            del item["available"]


@pytest.fixture
def basket(settings: Settings) -> Iterator[BasketService]:
    service = BasketService()
    settings.BASKET_URL = f"http://127.0.0.1:{service.server.server_port}"
    yield service
    service.server.shutdown()
    service.server.server_close()
