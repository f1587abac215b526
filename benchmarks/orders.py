"""Orders a second, and how long a customer waits from POST /api/orders/ to the push of `order.confirmed`.

    .venv/bin/python -m benchmarks.orders [--buyers 1,8,32] [--seconds 20] [--port-offset N]

A closed loop: each buyer has a user, a token and a WebSocket of its own, and orders again once told of the last order.
Every store and service is real and on this machine. Prints orders a second, percentiles, the CPU time of an order by
process (from /proc), and the machine's load before and after; at the end the shop is held to its promises.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
import psutil

from launcher.addresses import gateway_url, keycloak_url
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.managers import Administrator
from launcher.platform import processes

ADDRESS = {
    "name": "Alice",
    "line1": "Main Street 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
PASSWORD = "one-password-for-all-buyers"  # noqa: S105 - of users that exist only where somebody measures
WARM_UP = 3.0  # seconds that do not count
TOLD_WITHIN = 60  # seconds for which a buyer waits for the push
LEAST_SHOWN = 0.5  # milliseconds of CPU: what takes less an order is summed up


@dataclass
class Measured:
    """What the buyers saw, in milliseconds for each order."""

    answered: list[float] = field(default_factory=list)
    pushed: list[float] = field(default_factory=list)


class Buyer:
    """A customer who orders again and again."""

    def __init__(self, http: aiohttp.ClientSession, instance: Instance, name: str) -> None:
        self._http, self._instance, self._name = http, instance, name
        self._headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        """Get a token that outlives the measurement (five minutes)."""
        form = {"grant_type": "password", "client_id": "microcommerce-cli"}
        tokens = f"{keycloak_url(self._instance)}/realms/microcommerce/protocol/openid-connect/token"
        async with self._http.post(
            tokens, data={**form, "username": self._name, "password": PASSWORD}
        ) as answer:
            answer.raise_for_status()
            self._headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def listen(self) -> None:
        """Open the WebSocket that says how orders go."""
        address = gateway_url(self._instance).replace("http", "ws", 1)
        self._socket = await self._http.ws_connect(f"{address}/ws/notifications/", headers=self._headers)

    async def order_until(self, ends: float, counts_from: float, product: str, measured: Measured) -> None:
        """Order one piece of `product` at a time; what began before `counts_from` does not count."""
        orders = f"{gateway_url(self._instance)}/api/orders/"
        body = {"shipping_address": ADDRESS, "items": [{"product_id": product, "quantity": 1}]}
        while (began := time.perf_counter()) < ends:
            async with self._http.post(orders, json=body, headers=self._headers) as answer:
                if answer.status != HTTPStatus.CREATED:
                    raise SystemExit(f"No order: {await answer.text()}")
                order = (await answer.json())["id"]
            answered = time.perf_counter()
            await _confirmation(self._socket, order)
            if began >= counts_from:
                measured.answered.append((answered - began) * 1000)
                measured.pushed.append((time.perf_counter() - began) * 1000)


async def _confirmation(socket: aiohttp.ClientWebSocketResponse, order: str) -> None:
    while True:
        told = json.loads(await socket.receive_str(timeout=TOLD_WITHIN))
        if told["order_id"] == order:
            if told["event"] != "order.confirmed":
                raise SystemExit(f"The order was not confirmed: {told}")
            return


async def measure(
    instance: Instance, buyers: int, seconds: float
) -> tuple[Measured, float, dict[str, float]]:
    """So many buyers at once: what they saw, for how many seconds, and each process's CPU seconds meanwhile."""
    measured = Measured()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        people = [Buyer(http, instance, name) for name in names(buyers)]
        for person in people:  # one after the other: a log-in costs Keycloak much
            await person.sign_in()
            await person.listen()
        product = await _in_stock(http, f"{gateway_url(instance)}/api")
        began = time.perf_counter() + WARM_UP
        work = [person.order_until(began + seconds, began, product, measured) for person in people]
        running = asyncio.gather(*work)
        await asyncio.sleep(WARM_UP)
        before = cpu_seconds(instance)
        await running
        took = time.perf_counter() - began
        after = cpu_seconds(instance)
    return measured, took, {name: after[name] - before.get(name, 0.0) for name in after}


async def _in_stock(http: aiohttp.ClientSession, api: str) -> str:
    async with http.get(f"{api}/products/?page_size=100") as answer:
        sold = [("product_id", product["id"]) for product in (await answer.json())["results"]]
    async with http.get(f"{api}/stock/", params=[*sold, ("page_size", "100")]) as answer:
        return str(max((await answer.json())["results"], key=lambda item: item["available"])["product_id"])


def cpu_seconds(instance: Instance) -> dict[str, float]:
    """Process -> seconds of CPU that it and all it has started have used so far."""
    return {each["name"]: _of_family(each["pid"]) for each in processes(instance) if each["pid"]}


def _of_family(pid: int) -> float:
    total = 0.0
    with contextlib.suppress(psutil.Error):
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += sum(process.cpu_times())  # with that of children that have ended
    return total


def names(buyers: int) -> list[str]:
    """The users of so many buyers."""
    return [f"buyer-{number}" for number in range(1, buyers + 1)]


def make_users(instance: Instance, buyers: int) -> None:
    """Register those who are not there yet."""
    administrator = Administrator(instance)
    for name in names(buyers):
        if not administrator.ask("/users", username=name, exact="true"):
            administrator.tell("POST", "/users", _user(name))


def _user(name: str) -> dict[str, object]:
    return {
        "username": name,
        "email": f"{name}@example.org",
        "emailVerified": True,
        "firstName": name,
        "lastName": "Measured",
        "enabled": True,
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }


def percentiles(values: list[float]) -> str:
    """p50 and p99 of `values`, in milliseconds."""
    cuts = statistics.quantiles(values, n=100)
    return f"p50 {cuts[49]:7.1f}   p99 {cuts[98]:7.1f} ms"


def by_process(used: Mapping[str, float], orders: int) -> str:
    """CPU milliseconds of one order, by process, largest first."""
    each = sorted(((1000 * seconds / orders, name) for name, seconds in used.items()), reverse=True)
    shown = [f"{name} {value:.1f}" for value, name in each if value >= LEAST_SHOWN]
    rest = sum(value for value, _ in each if value < LEAST_SHOWN)
    return f"{sum(value for value, _ in each):.0f} = {', '.join(shown)}, rest {rest:.1f}"


def main() -> None:
    """Measure each number of buyers and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--buyers", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each measurement takes")
    parser.add_argument("--port-offset", type=int, default=0)
    parser.add_argument("--no-check", action="store_true", help="leave out the invariants at the end")
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    rounds = [int(number) for number in chosen.buyers.split(",")]
    try:
        make_users(instance, max(rounds))
    except LauncherError as error:
        raise SystemExit(str(error)) from error
    for buyers in rounds:
        before = os.getloadavg()[0]
        measured, took, used = asyncio.run(measure(instance, buyers, chosen.seconds))
        orders = len(measured.pushed)
        print(f"{buyers} buyers: {orders / took:.1f} orders a second ({orders} in {took:.0f} s)")
        print(f"  load             {before:.1f} before, {os.getloadavg()[0]:.1f} after")
        print(f"  POST answered    {percentiles(measured.answered)}")
        print(f"  POST to push     {percentiles(measured.pushed)}")
        print(f"  CPU ms an order  {by_process(used, orders)}", flush=True)
    if not chosen.no_check:
        command = [sys.executable, "manage_all.py", "check", "--port-offset", str(chosen.port_offset)]
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
