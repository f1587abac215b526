"""How long a push takes, and how much memory a socket, while a thousand customers listen and orders come steadily.

    .venv/bin/python -m benchmarks.sockets [--sockets 1000] [--orders 50] [--buyers 32] [--seconds 20] [--port-offset N]

Connects the sockets through a gateway of its own before the platform that runs, without a limit of requests (they all come
from one address), for `PEOPLE` customers who buy nothing, and lets as many orders a second come as it is told, from buyers
with sockets of their own. An order that is late because its buyer still waits counts from the moment at which it was due.
Memory is what the notification service, started anew for it, and that gateway take more than before (PSS), a socket. Measures the same
without the sockets first. At the end the shop is held to its promises.
"""

import argparse
import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp

from benchmarks import results
from benchmarks.orders import MANAGER, Buyer, Measured, Shop, check, of_our_own, run, stocked, with_users
from benchmarks.reads import UNSHARED, own_gateway
from launcher.instance import ROOT, Instance
from launcher.memory import memory_by_group
from launcher.platform import processes

PEOPLE = 50  # customers who listen, each on several devices
PRODUCTS = 10
KIB = 1024
AT_ONCE = 25  # sockets that are opened at the same moment
WARM_UP = 3.0  # seconds that do not count
MANY = "8192"  # where a gateway would else say that one address has enough
NO_LIMIT = {
    f"MICROCOMMERCE_MAX_{what}": MANY
    for what in ("CONNECTIONS", "CONNECTIONS_PER_ADDRESS", "SOCKETS", "SOCKETS_PER_ADDRESS")
}


@dataclass(frozen=True)
class MeasuredShop:
    """Where it is measured: the shop by a gateway of its own, and whose memory sockets take."""

    shop: Shop
    pids: Mapping[str, int]  # of the notification service and of that gateway

    def memory(self) -> dict[str, float]:
        """KiB that each of them takes."""
        found = memory_by_group(self.pids.values())
        return {name: found[pid] / KIB for name, pid in self.pids.items()}


@asynccontextmanager
async def listening(
    http: aiohttp.ClientSession, shop: Shop, listeners: Sequence[tuple[str, str]], sockets: int
) -> AsyncIterator[list[str]]:
    """So many sockets are open meanwhile and somebody reads them; yields what came."""
    headers = [await shop.headers(http, name, password) for name, password in listeners]
    address = f"{shop.gateway.replace('http', 'ws', 1)}/ws/notifications/"
    came: list[str] = []

    async def listen(one: dict[str, str]) -> asyncio.Task[None]:
        socket = await http.ws_connect(address, headers=one)
        return asyncio.create_task(read(socket))

    async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
        message = await socket.receive()  # answers pings, and comes back with nothing else
        came.append(f"{message.type.name} {message.data}")

    each, readers = itertools.islice(itertools.cycle(headers), sockets), list[asyncio.Task[None]]()
    while some := list(itertools.islice(each, AT_ONCE)):
        readers += await asyncio.gather(*(listen(one) for one in some))
    try:
        yield came
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def steadily(
    buyers: Sequence[Buyer], products: Sequence[str], rate: float, seconds: float
) -> tuple[Measured, float]:
    """So many orders a second, one buyer after the other; and how many a second were told."""
    measured, began = Measured(), time.perf_counter()
    due = iter(range(int(rate * seconds)))

    async def buy(buyer: Buyer) -> None:
        for number in due:  # the next that nobody has taken
            moment = began + number / rate
            await asyncio.sleep(moment - time.perf_counter())
            await buyer.buy(products[number % len(products)], measured, since=moment)

    await asyncio.gather(*(buy(buyer) for buyer in buyers))
    return measured, len(measured.pushed) / (time.perf_counter() - began)


async def measure(measured: MeasuredShop, chosen: argparse.Namespace) -> list[results.Row]:
    """First without the sockets, then with them."""
    users = of_our_own(chosen.buyers + PEOPLE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        buyers = [Buyer(http, measured.shop, *user) for user in users[: chosen.buyers]]
        for buyer in buyers:
            await buyer.sign_in()
        manager = await measured.shop.headers(http, MANAGER, MANAGER)
        pieces = int(2 * chosen.orders * (chosen.seconds + WARM_UP))
        products = await stocked(http, measured.shop, manager, PRODUCTS, pieces)
        rows = [await _row(measured, buyers, products, 0, {}, chosen)]
        before = measured.memory()
        async with listening(http, measured.shop, users[chosen.buyers :], chosen.sockets) as came:
            kib = {name: (now - before[name]) / chosen.sockets for name, now in measured.memory().items()}
            said = ", ".join(f"{value:.1f} KiB in the {name}" for name, value in kib.items())
            print(f"one of {chosen.sockets} sockets takes {said}", flush=True)
            rows.append(await _row(measured, buyers, products, chosen.sockets, kib, chosen))
        if came:
            raise SystemExit(
                f"A socket of somebody who bought nothing was told something, or closed: {came[0]}"
            )
    return rows


async def _row(
    measured: MeasuredShop,
    buyers: Sequence[Buyer],
    products: Sequence[str],
    sockets: int,
    kib: Mapping[str, float],
    chosen: argparse.Namespace,
) -> results.Row:
    load = results.load()
    await asyncio.gather(*(buyer.listen() for buyer in buyers))
    await steadily(buyers, products, chosen.orders, WARM_UP)
    observed, rate = await steadily(buyers, products, chosen.orders, chosen.seconds)
    await asyncio.gather(*(buyer.leave() for buyer in buyers))
    p50, p99 = results.cuts(observed.pushed)
    print(
        f"{sockets} sockets beside: {rate:.1f} orders a second, POST to push p50 {p50} p99 {p99} ms",
        flush=True,
    )
    return {
        "sockets": sockets,
        "orders_a_second": round(rate, 1),
        "pushed_p50_ms": p50,
        "pushed_p99_ms": p99,
        "service_kib_each": round(kib.get("service", 0.0), 1),
        "gateway_kib_each": round(kib.get("gateway", 0.0), 1),
        "load": load,
    }


def main() -> None:
    """Connect, order, print."""
    parser = results.options(__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--orders", type=float, default=50.0, help="orders a second")
    parser.add_argument("--buyers", type=int, default=32, help="who order, one after the other")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each measurement takes")
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    with_users(instance, chosen.buyers + PEOPLE)
    # A process that has had many sockets before has the memory of them still.
    restart = [sys.executable, "manage_all.py", "restart", "notification-api", "--port-offset"]
    subprocess.run([*restart, str(instance.offset)], cwd=ROOT, check=True)
    notification = next(each["pid"] for each in processes(instance) if each["name"] == "notification-api")
    with own_gateway(instance, UNSHARED, 1, **NO_LIMIT) as (port, process):
        shop = replace(Shop.of(instance), gateway=f"http://localhost:{port}")
        rows = run(measure(MeasuredShop(shop, {"service": notification, "gateway": process.pid}), chosen))
    results.save(chosen.json, rows)
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
