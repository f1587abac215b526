"""Orders a second, and how long a customer waits from POST /api/orders/ to the push of `order.confirmed`.

    .venv/bin/python -m benchmarks.orders [--buyers 1,8,32] [--seconds 20] [--port-offset N]
    .venv/bin/python -m benchmarks.orders --gateway http://10.96.0.10:8000 --keycloak http://10.96.0.11:8080

A closed loop: each buyer has a token and a WebSocket of its own, and orders again once told of the last order. mia puts
what will be bought in stock first. Every store and service is real. Prints orders a second, percentiles, the CPU time of
an order by process (from /proc), and the machine's load before and after; at the end the shop is held to its promises.

With `--gateway` and `--keycloak` the shop is elsewhere, on a cluster: the buyers share the development users alice, bob
and carol, each waits for the pushes of its own orders, and what only this machine could tell is left out.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

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
BUSY_SECONDS = 5.0  # for which it is looked at what else keeps this machine busy
TOLD_WITHIN = 60  # seconds for which a buyer waits for the push
LEAST_SHOWN = 0.5  # milliseconds of CPU: what takes less an order is summed up
FASTEST = 200  # orders a second: so much is put in stock before it is bought
DEVELOPMENT = ("alice", "bob", "carol")  # customers of every realm of development; the password is the name
MANAGER = "mia"
PUBLIC_HOST = "localhost:8000"  # MICROCOMMERCE_GATEWAY_URL of k8s/overlays/local

T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """Where a shop answers, and under which name it knows itself."""

    gateway: str
    keycloak: str
    host: str

    @classmethod
    def of(cls, instance: Instance) -> "Shop":
        """A platform of this machine."""
        gateway = gateway_url(instance)
        return cls(gateway, keycloak_url(instance), gateway.removeprefix("http://"))

    async def headers(self, http: aiohttp.ClientSession, user: str, password: str) -> dict[str, str]:
        """What a request of that user carries: a token that outlives the measurement (five minutes)."""
        form = {"grant_type": "password", "client_id": "microcommerce-cli"}
        tokens = f"{self.keycloak}/realms/microcommerce/protocol/openid-connect/token"
        async with http.post(tokens, data={**form, "username": user, "password": password}) as answer:
            answer.raise_for_status()
            return {"Host": self.host, "Authorization": f"Bearer {(await answer.json())['access_token']}"}


@dataclass
class Measured:
    """What the buyers saw, in milliseconds for each order that was begun when `since` (perf_counter) had come."""

    since: float = math.inf
    answered: list[float] = field(default_factory=list)
    pushed: list[float] = field(default_factory=list)


@dataclass
class Seen(Generic[T]):
    """What one measurement gave: what the buyers saw, for how many seconds, and what was looked at before and after."""

    measured: Measured
    seconds: float
    before: T
    after: T

    @property
    def orders(self) -> int:
        """How many were confirmed."""
        return len(self.measured.pushed)


class Buyer:
    """A customer who orders again and again."""

    def __init__(self, http: aiohttp.ClientSession, shop: Shop, name: str, password: str) -> None:
        self._http, self._shop, self._user = http, shop, (name, password)
        self._headers: dict[str, str] = {}

    async def arrive(self) -> None:
        """Sign in, and open the WebSocket that says how orders go."""
        self._headers = await self._shop.headers(self._http, *self._user)
        address = self._shop.gateway.replace("http", "ws", 1)
        self._socket = await self._http.ws_connect(f"{address}/ws/notifications/", headers=self._headers)

    async def order_until(self, ends: float, product: str, measured: Measured) -> None:
        """Order one piece of `product` at a time."""
        orders = f"{self._shop.gateway}/api/orders/"
        body = {"shipping_address": ADDRESS, "items": [{"product_id": product, "quantity": 1}]}
        while (began := time.perf_counter()) < ends:
            async with self._http.post(orders, json=body, headers=self._headers) as answer:
                if answer.status != HTTPStatus.CREATED:
                    raise SystemExit(f"No order: {await answer.text()}")
                order = (await answer.json())["id"]
            answered = time.perf_counter()
            await _confirmation(self._socket, order)
            if began >= measured.since:
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
    shop: Shop, users: Sequence[tuple[str, str]], seconds: float, look: Callable[[], T]
) -> Seen[T]:
    """A buyer for each of `users` (name, password), all at once. `look` is called where the seconds begin and at the end."""
    measured = Measured()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        people = [Buyer(http, shop, name, password) for name, password in users]
        for person in people:  # one after the other: a log-in costs Keycloak much
            await person.arrive()
        product = await _stocked(http, shop, int(FASTEST * (seconds + WARM_UP)))
        ends = time.perf_counter() + WARM_UP + seconds
        running = asyncio.gather(*(person.order_until(ends, product, measured) for person in people))
        await asyncio.sleep(WARM_UP)
        before = await asyncio.to_thread(look)
        measured.since = time.perf_counter()
        await running
        took = time.perf_counter() - measured.since
        after = await asyncio.to_thread(look)
    return Seen(measured, took, before, after)


async def _stocked(http: aiohttp.ClientSession, shop: Shop, pieces: int) -> str:
    """The product of which there is most, and so many more of it."""
    headers = await shop.headers(http, MANAGER, MANAGER)
    product = await _most_in_stock(http, shop, headers)
    address = f"{shop.gateway}/api/stock/{product}/adjustments/"
    body = {"delta": pieces, "reason": "To be bought by benchmarks.orders"}
    once = {**headers, "Idempotency-Key": str(uuid.uuid4())}
    async with http.post(address, json=body, headers=once) as answer:
        answer.raise_for_status()
    return product


async def _most_in_stock(http: aiohttp.ClientSession, shop: Shop, headers: Mapping[str, str]) -> str:
    async with http.get(f"{shop.gateway}/api/products/?page_size=100", headers=headers) as answer:
        sold = [("product_id", product["id"]) for product in (await answer.json())["results"]]
    query = [*sold, ("page_size", "100")]
    async with http.get(f"{shop.gateway}/api/stock/", params=query, headers=headers) as answer:
        levels: list[dict[str, Any]] = (await answer.json())["results"]
    return str(max(levels, key=lambda item: item["available"])["product_id"])


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


def of_our_own(buyers: int) -> list[tuple[str, str]]:
    """A user for each buyer, with the password."""
    return [(name, PASSWORD) for name in names(buyers)]


def shared(buyers: int) -> list[tuple[str, str]]:
    """The development users, several buyers for each."""
    return [(name, name) for _, name in zip(range(buyers), itertools.cycle(DEVELOPMENT), strict=False)]


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


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Process -> CPU seconds."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def main() -> None:
    """Measure each number of buyers and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--buyers", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each measurement takes")
    parser.add_argument("--port-offset", type=int, default=0)
    parser.add_argument("--no-check", action="store_true", help="leave out the invariants at the end")
    parser.add_argument("--gateway", help="address of a shop elsewhere, with --keycloak")
    parser.add_argument("--keycloak")
    parser.add_argument(
        "--host", default=PUBLIC_HOST, help="the name by which the shop elsewhere knows itself"
    )
    chosen = parser.parse_args()
    if bool(chosen.gateway) != bool(chosen.keycloak):
        parser.error("--gateway and --keycloak belong together.")
    rounds = [int(number) for number in chosen.buyers.split(",")]
    if chosen.gateway:
        there = Shop(chosen.gateway.rstrip("/"), chosen.keycloak.rstrip("/"), chosen.host)
        busy = psutil.cpu_percent(BUSY_SECONDS) / 100 * (os.cpu_count() or 1)
        print(f"{busy:.1f} cores of this machine were busy before the buyers came")
        for buyers in rounds:
            _show(buyers, asyncio.run(measure(there, shared(buyers), chosen.seconds, os.getloadavg)))
        return
    instance = Instance(chosen.port_offset)
    with_users(instance, max(rounds))
    for buyers in rounds:
        load = os.getloadavg()[0]
        seen = asyncio.run(
            measure(Shop.of(instance), of_our_own(buyers), chosen.seconds, lambda: cpu_seconds(instance))
        )
        _show(buyers, seen)
        print(f"  load             {load:.1f} before, {os.getloadavg()[0]:.1f} after")
        used = used_between(seen.before, seen.after)
        print(f"  CPU ms an order  {by_process(used, seen.orders)}", flush=True)
    if not chosen.no_check:
        command = [sys.executable, "manage_all.py", "check", "--port-offset", str(chosen.port_offset)]
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def with_users(instance: Instance, buyers: int) -> None:
    """As `make_users`; who runs a command is told what is wrong in one line."""
    try:
        make_users(instance, buyers)
    except LauncherError as error:
        raise SystemExit(str(error)) from error


def _show(buyers: int, seen: Seen[Any]) -> None:
    rate = seen.orders / seen.seconds
    print(f"{buyers} buyers: {rate:.1f} orders a second ({seen.orders} in {seen.seconds:.0f} s)")
    print(f"  POST answered    {percentiles(seen.measured.answered)}")
    print(f"  POST to push     {percentiles(seen.measured.pushed)}", flush=True)


if __name__ == "__main__":
    main()
