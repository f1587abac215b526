"""Orders a second, and how long a customer waits from POST /api/orders/ to the push of `order.confirmed`.

    .venv/bin/python -m benchmarks.orders [--buyers 1,8,32] [--seconds 20] [--products 1] [--by-basket] [--port-offset N]
    .venv/bin/python -m benchmarks.orders --gateway http://10.96.0.10:8000 --keycloak http://10.96.0.11:8080

A closed loop: each buyer has a token and a WebSocket of its own, and orders again once told of the last order. mia puts
what will be bought in stock first. Every store and service is real. Prints orders a second, percentiles, the CPU time of
an order by process (from /proc), and the machine's load before and after; at the end the shop is held to its promises.
All buyers buy one product unless `--products` says how many they buy in turn, each beginning with another. With
`--by-basket` an order is two requests: PUT the basket, POST without items; the wait begins with the first.

With `--gateway` and `--keycloak` the shop is elsewhere, on a cluster: the buyers share the development users alice, bob
and carol, each waits for the pushes of its own orders, and what only this machine could tell is left out.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import aiohttp
import psutil

from benchmarks import results
from launcher.addresses import gateway_url, keycloak_url
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
FASTEST = 1_000  # orders a second: so much is put in stock before it is bought
DEVELOPMENT = ("alice", "bob", "carol")  # customers of every realm of development; the password is the name
MANAGER = "mia"
SIGNED_IN_FOR = 20  # users that are made with one token of the administrator, which is good for a minute
SHELF = 10  # products that a buyer with a basket takes in turn: what is bought leaves a basket a moment later
BUSY = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
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
    """What the buyers saw, in milliseconds for each order."""

    answered: list[float] = field(default_factory=list)
    pushed: list[float] = field(default_factory=list)
    unanswered: int = (
        0  # orders of which a buyer was told that nobody knows: with too many buyers for the cores
    )


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

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


Shopper = Callable[[float, Measured], Awaitable[None]]  # orders again and again, until that moment


async def closed_loop(shoppers: Sequence[Shopper], seconds: float, look: Callable[[], T]) -> Seen[T]:
    """All of them at once, twice: what they see in the warm-up is forgotten.

    Nobody orders while `look` is called, before and after: so orders, seconds and what was looked at belong together, also
    where an order takes longer than `seconds`.
    """
    await _all_at_once(shoppers, WARM_UP, Measured())
    before = await asyncio.to_thread(look)
    measured, began = Measured(), time.perf_counter()
    await _all_at_once(shoppers, seconds, measured)
    took = time.perf_counter() - began
    return Seen(measured, took, before, await asyncio.to_thread(look))


def run(measurement: Coroutine[Any, Any, T]) -> T:
    """What it gives; who runs a command is told in one line that a buyer was refused."""
    try:
        return asyncio.run(measurement)
    except RefusedError as error:
        raise SystemExit(str(error)) from error


async def _all_at_once(shoppers: Sequence[Shopper], seconds: float, measured: Measured) -> None:
    ends = time.perf_counter() + seconds
    await asyncio.gather(*(shopper(ends, measured) for shopper in shoppers))


class RefusedError(Exception):
    """A buyer was refused, which none is to be here: nothing is measured then; the text says why."""


class Buyer:
    """A customer who orders again and again."""

    def __init__(self, http: aiohttp.ClientSession, shop: Shop, name: str, password: str) -> None:
        self._http, self._shop, self._user = http, shop, (name, password)
        self._headers: dict[str, str] = {}
        self._bought = 0

    async def sign_in(self) -> None:
        """Get a token."""
        self._headers = await self._shop.headers(self._http, *self._user)

    async def listen(self) -> None:
        """Open the WebSocket that says how orders go. The server closes it where nobody reads for half a minute."""
        address = self._shop.gateway.replace("http", "ws", 1)
        self._socket = await self._http.ws_connect(f"{address}/ws/notifications/", headers=self._headers)

    async def leave(self) -> None:
        """Close the WebSocket."""
        await self._socket.close()

    async def order_until(
        self, ends: float, measured: Measured, products: Sequence[str], *, by_basket: bool
    ) -> None:
        """Order one piece of the next of `products` at a time."""
        while time.perf_counter() < ends:
            product = products[self._bought % len(products)]
            self._bought += 1
            await self.buy(product, measured, by_basket=by_basket)

    async def buy(
        self, product: str, measured: Measured, *, by_basket: bool = False, since: float = 0.0
    ) -> None:
        """Order one piece and wait for the push; what is measured begins now, or at the moment `since`."""
        began = since or time.perf_counter()
        order = await self._order([{"product_id": product, "quantity": 1}], by_basket=by_basket)
        if not order:
            measured.unanswered += 1
            return
        answered = time.perf_counter()
        await _confirmation(self._socket, order)
        measured.answered.append((answered - began) * 1000)
        measured.pushed.append((time.perf_counter() - began) * 1000)

    async def _order(self, items: Sequence[Mapping[str, object]], *, by_basket: bool) -> str:
        if not by_basket:
            return await self._post({"shipping_address": ADDRESS, "items": items})
        basket = f"{self._shop.gateway}/api/basket/"
        async with self._http.put(basket, json={"items": items}, headers=self._headers) as answer:
            if answer.status != HTTPStatus.OK:
                raise RefusedError(f"No basket: {await answer.text()}")
        return await self._post({"shipping_address": ADDRESS})

    async def _post(self, body: Mapping[str, object]) -> str:
        """The id of the new order; empty where the service did not answer in time."""
        orders = f"{self._shop.gateway}/api/orders/"
        async with self._http.post(orders, json=body, headers=self._headers) as answer:
            if answer.status in BUSY:
                return ""
            if answer.status != HTTPStatus.CREATED:
                raise RefusedError(f"No order: {await answer.text()}")
            return str((await answer.json())["id"])


async def _confirmation(socket: aiohttp.ClientWebSocketResponse, order: str) -> None:
    while True:
        told = json.loads(await socket.receive_str(timeout=TOLD_WITHIN))
        if told["order_id"] == order:
            if told["event"] != "order.confirmed":
                raise RefusedError(f"An order was not confirmed: {told['body'] or told['title']}")
            return


async def measure(
    shop: Shop,
    users: Sequence[tuple[str, str]],
    seconds: float,
    look: Callable[[], T],
    *,
    products: int = 1,
    by_basket: bool = False,
) -> Seen[T]:
    """A buyer for each of `users` (name, password), in a closed loop; they buy so many products in turn."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        people = [Buyer(http, shop, name, password) for name, password in users]
        for person in people:  # one after the other: a log-in costs Keycloak much
            await person.sign_in()
        pieces = int(FASTEST * (seconds + WARM_UP))
        manager = await shop.headers(http, MANAGER, MANAGER)
        count = max(products, SHELF) if by_basket else products
        sold = await stocked(http, shop, manager, count, pieces)
        await asyncio.gather(*(person.listen() for person in people))
        shoppers = [
            partial(person.order_until, products=_beginning_with(number, sold), by_basket=by_basket)
            for number, person in enumerate(people)
        ]
        return await closed_loop(shoppers, seconds, look)


def _beginning_with(number: int, products: Sequence[str]) -> list[str]:
    first = number % len(products)
    return [*products[first:], *products[:first]]


async def stocked(
    http: aiohttp.ClientSession, shop: Shop, headers: Mapping[str, str], count: int, pieces: int
) -> list[str]:
    """The `count` products of which there is most, and so many more pieces of each: a manager, by `headers`, adds them."""
    products = (await _by_stock(http, shop, headers))[:count]
    for product in products:
        address = f"{shop.gateway}/api/stock/{product}/adjustments/"
        body = {"delta": pieces, "reason": "To be bought by benchmarks.orders"}
        once = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        async with http.post(address, json=body, headers=once) as answer:
            answer.raise_for_status()
    return products


async def _by_stock(http: aiohttp.ClientSession, shop: Shop, headers: Mapping[str, str]) -> list[str]:
    async with http.get(f"{shop.gateway}/api/products/?page_size=100", headers=headers) as answer:
        sold = [("product_id", product["id"]) for product in (await answer.json())["results"]]
    query = [*sold, ("page_size", "100")]
    async with http.get(f"{shop.gateway}/api/stock/", params=query, headers=headers) as answer:
        levels: list[dict[str, Any]] = (await answer.json())["results"]
    ranked = sorted(levels, key=lambda item: int(item["available"]), reverse=True)
    return [str(item["product_id"]) for item in ranked]


def cpu_seconds(instance: Instance) -> dict[str, float]:
    """Process -> seconds of CPU that it and all it has started have used so far."""
    return {each["name"]: of_family(each["pid"]) for each in processes(instance) if each["pid"]}


def of_family(pid: int) -> float:
    """Seconds of CPU of a process and all it has started."""
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
    for number, name in enumerate(names(buyers)):
        if number % SIGNED_IN_FOR == 0:
            administrator = Administrator(instance)
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
    p50, p99 = results.cuts(values)
    return f"p50 {p50:7.1f}   p99 {p99:7.1f} ms"


def by_process(used: Mapping[str, float], orders: int) -> str:
    """CPU milliseconds of one order, by process, largest first."""
    each = sorted(((1000 * seconds / orders, name) for name, seconds in used.items()), reverse=True)
    shown = [f"{name} {value:.1f}" for value, name in each if value >= LEAST_SHOWN]
    rest = sum(value for value, _ in each if value < LEAST_SHOWN)
    return f"{sum(value for value, _ in each):.0f} = {', '.join(shown)}, rest {rest:.1f}"


def cpu_ms(used: Mapping[str, float], orders: int) -> float:
    """CPU milliseconds of one order, of everything."""
    return round(1000 * sum(used.values()) / orders, 1)


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Process -> CPU seconds."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def main() -> None:
    """Measure each number of buyers and print."""
    parser = results.options(__doc__)
    parser.add_argument("--buyers", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each measurement takes")
    parser.add_argument("--products", type=int, default=1, help="how many are bought in turn, at most 100")
    parser.add_argument("--by-basket", action="store_true", help="PUT the basket first, POST without items")
    parser.add_argument("--no-check", action="store_true", help="leave out the invariants at the end")
    parser.add_argument("--gateway", help="address of a shop elsewhere, with --keycloak")
    parser.add_argument("--keycloak")
    parser.add_argument(
        "--host", default=PUBLIC_HOST, help="the name by which the shop elsewhere knows itself"
    )
    chosen = parser.parse_args()
    if bool(chosen.gateway) != bool(chosen.keycloak):
        parser.error("--gateway and --keycloak belong together.")
    if chosen.gateway and chosen.by_basket:
        parser.error("--by-basket wants a basket for each buyer; buyers of a shop elsewhere share users.")
    rounds = results.whole_numbers(chosen.buyers)
    if chosen.gateway:
        there = Shop(chosen.gateway.rstrip("/"), chosen.keycloak.rstrip("/"), chosen.host)
        results.save(chosen.json, list(_elsewhere(there, rounds, chosen)))
        return
    instance = Instance(chosen.port_offset)
    with_users(instance, max(rounds))
    results.save(chosen.json, list(_here(instance, rounds, chosen)))
    if not chosen.no_check:
        sys.exit(check(instance))


def _elsewhere(there: Shop, rounds: Sequence[int], chosen: argparse.Namespace) -> Iterator[results.Row]:
    busy = psutil.cpu_percent(BUSY_SECONDS) / 100 * (os.cpu_count() or 1)
    print(f"{busy:.1f} cores of this machine were busy before the buyers came")
    for buyers in rounds:
        users = shared(buyers)
        seen = run(measure(there, users, chosen.seconds, results.load, products=chosen.products))
        _show(buyers, seen)
        yield row(buyers, seen, seen.before)


def _here(instance: Instance, rounds: Sequence[int], chosen: argparse.Namespace) -> Iterator[results.Row]:
    look = partial(cpu_seconds, instance)
    for buyers in rounds:
        load = results.load()
        measurement = measure(
            Shop.of(instance),
            of_our_own(buyers),
            chosen.seconds,
            look,
            products=chosen.products,
            by_basket=chosen.by_basket,
        )
        seen = run(measurement)
        _show(buyers, seen)
        print(f"  load             {load} before, {results.load()} after")
        used = used_between(seen.before, seen.after)
        print(f"  CPU ms an order  {by_process(used, seen.orders)}", flush=True)
        yield row(buyers, seen, load, cpu_ms=cpu_ms(used, seen.orders))


def check(instance: Instance) -> int:
    """Hold the shop to its promises; the exit code."""
    command = [sys.executable, "manage_all.py", "check", "--port-offset", str(instance.offset)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def with_users(instance: Instance, buyers: int) -> None:
    """As `make_users`; who runs a command is told what is wrong in one line."""
    with results.in_one_line():
        make_users(instance, buyers)


def row(buyers: int, seen: Seen[Any], load: float, **more: float) -> results.Row:
    """One measurement, for the table."""
    (answered, _), (p50, p99) = results.cuts(seen.measured.answered), results.cuts(seen.measured.pushed)
    waits = {"answered_p50_ms": answered, "pushed_p50_ms": p50, "pushed_p99_ms": p99}
    return {"buyers": buyers, "orders_a_second": round(seen.rate, 1), **waits, **more, "load": load}


def _show(buyers: int, seen: Seen[Any]) -> None:
    print(f"{buyers} buyers: {seen.rate:.1f} orders a second ({seen.orders} in {seen.seconds:.0f} s)")
    if seen.measured.unanswered:
        print(f"  not answered     {seen.measured.unanswered} orders: 503 or 504")
    print(f"  POST answered    {percentiles(seen.measured.answered)}")
    print(f"  POST to push     {percentiles(seen.measured.pushed)}", flush=True)


if __name__ == "__main__":
    main()
