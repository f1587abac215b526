"""From POST /api/orders/ to the push of `order.confirmed` on the customer's WebSocket, through the gateway.

    .venv/bin/python -m benchmarks.post_to_push --orders 100 [--port-offset N]

One customer, one order at a time, every store and service real and on this machine. Prints percentiles in
milliseconds and the machine's load before and after.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from http import HTTPStatus

import aiohttp

ADDRESS = {
    "name": "Alice",
    "line1": "Main Street 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


async def token(http: aiohttp.ClientSession, keycloak: str) -> str:
    """An access token of the development user alice."""
    form = {
        "grant_type": "password",
        "client_id": "microcommerce-cli",
        "username": "alice",
        "password": "alice",
    }
    async with http.post(
        f"{keycloak}/realms/microcommerce/protocol/openid-connect/token", data=form
    ) as answer:
        answer.raise_for_status()
        return str((await answer.json())["access_token"])


async def in_stock(http: aiohttp.ClientSession, api: str) -> str:
    """A product of which there is enough."""
    async with http.get(f"{api}/products/?page_size=100") as answer:
        sold = [("product_id", product["id"]) for product in (await answer.json())["results"]]
    async with http.get(f"{api}/stock/", params=[*sold, ("page_size", "100")]) as answer:
        return str(max((await answer.json())["results"], key=lambda item: item["available"])["product_id"])


async def measure(gateway: str, keycloak: str, orders: int) -> tuple[list[float], list[float]]:
    """Milliseconds until the answer, and until the push, of each order."""
    answered, pushed = [], []
    async with aiohttp.ClientSession() as http:
        http.headers["Authorization"] = f"Bearer {await token(http, keycloak)}"
        body = {
            "shipping_address": ADDRESS,
            "items": [{"product_id": await in_stock(http, f"{gateway}/api"), "quantity": 1}],
        }
        async with http.ws_connect(f"{gateway.replace('http', 'ws', 1)}/ws/notifications/") as socket:
            for _ in range(orders):
                began = time.perf_counter()
                async with http.post(f"{gateway}/api/orders/", json=body) as answer:
                    if answer.status != HTTPStatus.CREATED:
                        raise SystemExit(f"No order: {await answer.text()}")
                    order = (await answer.json())["id"]
                answered.append((time.perf_counter() - began) * 1000)
                await confirmation(socket, order)
                pushed.append((time.perf_counter() - began) * 1000)
    return answered, pushed


async def confirmation(socket: aiohttp.ClientWebSocketResponse, order: str) -> None:
    """Wait until the socket says that `order` is confirmed."""
    while True:
        told = json.loads(await socket.receive_str(timeout=30))
        if told["order_id"] == order:
            if told["event"] != "order.confirmed":
                raise SystemExit(f"The order was not confirmed: {told}")
            return


def line(name: str, values: list[float]) -> str:
    """Percentiles of `values`, in milliseconds."""
    cuts = statistics.quantiles(values, n=100)
    return f"{name:<16} p50 {cuts[49]:6.1f}   p90 {cuts[89]:6.1f}   p99 {cuts[98]:6.1f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=20, help="orders that do not count")
    parser.add_argument("--port-offset", type=int, default=0)
    chosen = parser.parse_args()
    gateway, keycloak = (f"http://localhost:{port + chosen.port_offset}" for port in (8000, 8080))
    before = os.getloadavg()[0]
    answered, pushed = asyncio.run(measure(gateway, keycloak, chosen.warm_up + chosen.orders))
    print(f"{chosen.orders} orders, load {before:.1f} before, {os.getloadavg()[0]:.1f} after")
    print(line("POST answered", answered[chosen.warm_up :]))
    print(line("POST to push", pushed[chosen.warm_up :]))


if __name__ == "__main__":
    main()
