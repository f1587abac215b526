"""The one call from service to service: checkout reads the customer's basket, with the customer's own token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import urllib3
from django.conf import settings

from apps.order.errors import BasketEmpty, BasketUnavailable, ProductUnavailable
from shared.auth import Principal
from shared.telemetry import trace

TIMEOUT = 3.0  # seconds that checkout waits for the basket service

# Connections are kept between requests; checkouts in flight are bounded by the server's threads.
_pool = urllib3.PoolManager(maxsize=16, retries=urllib3.Retry(connect=1, read=1, redirect=0))


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer is about to order ({product_id, quantity, name}); a version is ordered at most once."""

    version: int
    items: list[dict[str, Any]]


def read_basket(customer: Principal) -> Basket:
    """The basket of `customer`. Raises BasketEmpty, BasketUnavailable, or ProductUnavailable.

    The customer decides what becomes of a line that cannot be bought: the rest is not ordered without it.
    """
    headers = {"Authorization": f"Bearer {customer.token}", "Accept": "application/json"}
    if hop := trace.current():
        headers[trace.HEADER] = str(hop)
    try:
        response = _pool.request(
            "GET", f"{settings.BASKET_URL}/api/basket/", headers=headers, timeout=TIMEOUT
        )
        body = response.json() if response.status == HTTPStatus.OK else None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise BasketUnavailable(headers={"Retry-After": "2"}) from error
    if body is None:
        raise BasketUnavailable(headers={"Retry-After": "2"})
    if not body["items"]:
        raise BasketEmpty
    _refuse_unavailable(body["items"])
    items = [
        {"product_id": item["product_id"], "quantity": item["quantity"], "name": item["name"]}
        for item in body["items"]
    ]
    return Basket(body["version"], items)


def _refuse_unavailable(items: Sequence[Mapping[str, Any]]) -> None:
    # A basket service of an earlier release leaves such lines out and says nothing of the others.
    unavailable = [
        {
            "product_id": item["product_id"],
            "name": item["name"],
            "reason": item.get("unavailable_reason", "unknown"),
        }
        for item in items
        if not item.get("available", True)
    ]
    if unavailable:
        raise ProductUnavailable(unavailable)
