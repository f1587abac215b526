"""A customer, and what customers do."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tests.system.caller import Caller
from tests.system.waiting import WAIT_SECONDS, eventually

Json = dict[str, Any]
ADDRESS: Json = {
    "name": "Ada Example",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
DECIDED = {"confirmed", "rejected", "cancelled", "shipped", "delivered"}
ENDED = {"completed", "compensated"}


@dataclass(frozen=True)
class Product:
    """A product as its test made it."""

    id: str
    name: str
    price: str


Line = tuple[Product, int]


def items(*lines: Line) -> list[Json]:
    """Lines as the API takes them."""
    return [{"product_id": product.id, "quantity": quantity} for product, quantity in lines]


class Shopper(Caller):
    """A customer at the gateway."""

    @property
    def id(self) -> str:
        """Keycloak's `sub`."""
        assert self.log_in, "nobody is logged in"
        return self.log_in.subject

    def put_in_basket(self, product: Product, quantity: int) -> Json:
        """Set a line of the basket; the basket service may have to hear of the product first."""
        path = f"/api/basket/items/{product.id}/"
        answer = eventually(
            lambda: self.insist("PUT", path, json={"quantity": quantity}),
            lambda answer: answer.status_code != 404,
            what=f"{product} known to the basket",
        )
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def basket(self) -> dict[str, int]:
        """Product id -> quantity."""
        return {item["product_id"]: item["quantity"] for item in self.read("/api/basket/")["items"]}

    def basket_becomes(self, quantities: dict[str, int]) -> None:
        """The basket holds this and nothing else."""
        eventually(
            self.basket, lambda basket: basket == quantities, what=f"{quantities or 'nothing'} in the basket"
        )

    def order(self, *lines: Line, key: str = "", **fields: Any) -> requests.Response:
        """POST an order: of these lines, or of the basket where there are none."""
        body = {"shipping_address": ADDRESS, **({"items": items(*lines)} if lines else {}), **fields}
        headers = {"Idempotency-Key": key} if key else {}
        send = self.insist if key else self.send
        return send("POST", "/api/orders/", json=body, headers=headers)

    def place(self, *lines: Line, key: str = "", **fields: Any) -> str:
        """Order, and be told that it was submitted; the order's id. Asked again with the same key while it must be."""
        answer = self.order(*lines, key=key or str(uuid.uuid4()), **fields)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "submitted"
        return str(answer.json()["id"])

    def look_at(self, order_id: str) -> Json:
        """The order as it is now."""
        found: Json = self.read(f"/api/orders/{order_id}/")
        return found

    def outcome(self, order_id: str, within: float = WAIT_SECONDS) -> Json:
        """The order once it is decided."""
        return eventually(
            lambda: self.look_at(order_id),
            lambda order: order["status"] in DECIDED,
            within=within,
            what=f"a decision on {order_id}",
        )

    def outcomes(self, order_ids: Sequence[str], within: float = WAIT_SECONDS) -> dict[str, str]:
        """The status of each order once all are decided."""
        return {order_id: self.outcome(order_id, within)["status"] for order_id in order_ids}

    def cancel(self, order_id: str, reason: str = "") -> requests.Response:
        """Ask for the order to be undone."""
        return self.send("POST", f"/api/orders/{order_id}/cancel/", json={"reason": reason} if reason else {})

    def becomes(self, order_id: str, status: str, within: float = WAIT_SECONDS) -> Json:
        """The order once it has this status."""
        return eventually(
            lambda: self.look_at(order_id),
            lambda order: order["status"] == status,
            within=within,
            what=f"{order_id} {status}",
        )

    def saga(self, order_id: str, within: float = WAIT_SECONDS) -> Json:
        """How the placement of an order went, once it has ended."""
        return eventually(
            lambda: self.saga_now(order_id),
            lambda saga: saga.get("status") in ENDED,
            within=within,
            what=f"the end of the saga of {order_id}",
        )

    def saga_now(self, order_id: str) -> Json:
        """How the placement of an order goes; empty before it has begun."""
        found: list[Json] = self.read("/api/sagas/", order_id=order_id)["results"]
        return found[0] if found else {}

    def history_grown(self, order_id: str, beyond: int) -> list[Json]:
        """What happened to an order's saga, once that is more than so many things."""
        return eventually(
            lambda: list(self.saga_now(order_id)["history"]),
            lambda history: len(history) > beyond,
            what=f"something new in the saga of {order_id}",
        )

    def notifications(self, after: int = 0) -> list[Json]:
        """What the customer was told, oldest first."""
        return self.read_all("/api/notifications/", after=after)

    def told(self, order_id: str, event: str, within: float = WAIT_SECONDS) -> Json:
        """The notification of an event, once it is there; it must be the only one."""
        found = eventually(
            lambda: [
                each
                for each in self.notifications()
                if (each["order_id"], each["event"]) == (order_id, event)
            ],
            within=within,
            what=f"{event} of {order_id}",
        )
        assert len(found) == 1, found
        return found[0]
