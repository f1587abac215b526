"""A shopper of Vendure: an order is six requests, and counts when the last answer says that it is paid."""

import itertools
import time
from collections.abc import Mapping

import aiohttp

from benchmarks.orders import Measured, RefusedError
from benchmarks.peers.vendure.shop import Vendure

TOKEN = "vendure-auth-token"  # noqa: S105 - the header's name
ANSWER = "{ __typename ... on Order { state } ... on ErrorResult { errorCode message } }"
ADDRESS = {
    "fullName": "A Buyer",
    "streetLine1": "Main Street 1",
    "city": "Berlin",
    "postalCode": "10115",
    "countryCode": "DE",
}
# What a shopper does, in order -> the mutation. What each answers is called `order`.
STEPS = {
    "line": "mutation($variant: ID!) { order: addItemToOrder(productVariantId: $variant, quantity: 1) %s }",
    "customer": "mutation($customer: CreateCustomerInput!) { order: setCustomerForOrder(input: $customer) %s }",
    "address": "mutation($address: CreateAddressInput!) { order: setOrderShippingAddress(input: $address) %s }",
    "shipping": "mutation($shipping: [ID!]!) { order: setOrderShippingMethod(shippingMethodId: $shipping) %s }",
    "transition": 'mutation { order: transitionOrderToState(state: "ArrangingPayment") %s }',
    "pay": "mutation($payment: PaymentInput!) { order: addPaymentToOrder(input: $payment) %s }",
}
PAID = "PaymentSettled"


class Buyer:
    """Somebody who orders again and again as a guest, under one e-mail address."""

    def __init__(self, http: aiohttp.ClientSession, shop: Vendure, number: int) -> None:
        self._http, self._shop, self._number = http, shop, number

    async def order_until(self, ends: float, measured: Measured) -> None:
        """Order one piece of the next product at a time; each buyer begins with another."""
        products = itertools.cycle(self._shop.variants)
        for variant in itertools.islice(products, self._number, None):
            if (began := time.perf_counter()) >= ends:
                return
            await self._order(variant)
            measured.pushed.append((time.perf_counter() - began) * 1000)

    async def _order(self, variant: str) -> None:
        known = {
            "variant": variant,
            "customer": {
                "firstName": "A",
                "lastName": "Buyer",
                "emailAddress": f"buyer-{self._number}@example.org",
            },
            "address": ADDRESS,
            "shipping": [self._shop.shipping],
            "payment": {"method": "settled-at-once", "metadata": {}},
        }
        headers: dict[str, str] = {}
        state = ""
        for step in STEPS:
            state = await self._ask(step, known, headers)
        if state != PAID:
            raise RefusedError(f"The order is not paid: {state}")

    async def _ask(self, step: str, known: Mapping[str, object], headers: dict[str, str]) -> str:
        """The order's state afterwards. The first answer brings the token of the session."""
        mutation = STEPS[step] % ANSWER
        variables = {name: value for name, value in known.items() if f"${name}:" in mutation}
        body = {"query": mutation, "variables": variables}
        async with self._http.post(self._shop.api, json=body, headers=headers) as answer:
            said = await answer.json()
            order = (said.get("data") or {}).get("order") or {}
            if order.get("__typename") != "Order":
                raise RefusedError(f"Vendure refuses the step {step}: {said}")
            if token := answer.headers.get(TOKEN):
                headers["Authorization"] = f"Bearer {token}"
        return str(order["state"])
