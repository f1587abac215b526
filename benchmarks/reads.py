"""How many readers the platform answers through a gateway, page by page: signed in and not, shared and not.

    .venv/bin/python -m benchmarks.reads [--pages stock,basket] [--connections 1,8,32] [--gateways 1] [--port-offset N]

Starts a gateway of its own before the platform that runs, without a limit of requests, twice: keeping nothing, and keeping
the catalogue for three seconds. Prints requests a second, percentiles, the CPU milliseconds of a request by process (from
/proc) and the machine's load. Needs `wrk` on the PATH, which takes its part of the two cores.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import psutil
import requests

from benchmarks import results
from benchmarks.orders import ADDRESS, cpu_seconds
from launcher.addresses import gateway_url, keycloak_url
from launcher.instance import ROOT, Instance
from launcher.services import environment
from launcher.system import service

CUSTOMER = "alice"
ORDERS = 21  # of hers at least: a whole page, and one more
LEAST_SHOWN = 0.02  # milliseconds of CPU a request
UNSHARED, SHARED = "0", "3"
TIMES = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Page:
    """An address, and who asks for it: nobody, or the customer."""

    name: str
    path: str
    signed_in: bool = False
    shared: str = UNSHARED

    @property
    def title(self) -> str:
        """What stands in the table."""
        who = "customer" if self.signed_in else "anybody"
        return f"{self.name} · {who} · {'shared' if self.shared == SHARED else 'not shared'}"


CATALOGUE = {
    "products": "/api/products/",
    "search": "/api/products/?search=coffee&ordering=price",
    "categories": "/api/categories/",
}
PAGES = (
    *(
        Page(name, path, signed_in, shared)
        for shared in (UNSHARED, SHARED)
        for name, path in CATALOGUE.items()
        for signed_in in (False, True)
    ),
    Page("stock", "/api/stock/"),
    Page("stock", "/api/stock/", signed_in=True),
    Page("basket", "/api/basket/", signed_in=True),
    Page("orders", "/api/orders/", signed_in=True),
)


def main() -> None:
    """Measure each page with each number of connections and print a line for it."""
    parser = results.options(__doc__)
    parser.add_argument("--pages", default="", help="names with commas between; all unless told")
    parser.add_argument("--connections", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--gateways", type=int, default=1, help="processes of the gateway")
    parser.add_argument("--seconds", type=int, default=5)
    chosen = parser.parse_args()
    require_wrk()
    instance = Instance(chosen.port_offset)
    names = set(filter(None, chosen.pages.split(",")))
    pages = [page for page in PAGES if not names or page.name in names]
    _prepare(instance, pages)
    rows = list[results.Row]()
    for shared in (UNSHARED, SHARED):
        ours = [page for page in pages if page.shared == shared]
        if ours:
            with own_gateway(instance, shared, chosen.gateways) as (port, process):
                for page in ours:
                    for connections in results.whole_numbers(chosen.connections):
                        rows.append(_measure(instance, page, connections, chosen.seconds, port, process))
    results.save(chosen.json, rows)


def in_rounds(about: str | None, *, connections: str) -> argparse.ArgumentParser:
    """The options of a benchmark that asks several by wrk, in turn."""
    parser = results.options(about)
    parser.add_argument("--connections", default=connections, help="how many at once, some rounds for each")
    parser.add_argument("--pairs", type=int, default=5, help="rounds")
    parser.add_argument("--seconds", type=int, default=4, help="how long each measurement takes")
    return parser


def require_wrk() -> None:
    """End here where it is not installed."""
    if not shutil.which("wrk"):
        raise SystemExit(
            "There is no wrk on the PATH, which asks for the pages. On Debian: sudo apt install wrk"
        )


def token(instance: Instance) -> str:
    """A new token of the customer (good for five minutes)."""
    form = {"grant_type": "password", "client_id": "microcommerce-cli"}
    answer = requests.post(
        f"{keycloak_url(instance)}/realms/microcommerce/protocol/openid-connect/token",
        data={**form, "username": CUSTOMER, "password": CUSTOMER},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _prepare(instance: Instance, pages: list[Page]) -> None:
    """The customer has three things in the basket, and more than a page of orders where orders are measured."""
    api = f"{gateway_url(instance)}/api"
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token(instance)}"
    products = [each["id"] for each in session.get(f"{api}/products/").json()["results"]]
    session.put(
        f"{api}/basket/", json={"items": [{"product_id": each, "quantity": 2} for each in products[:3]]}
    ).raise_for_status()
    if not any(page.name == "orders" for page in pages):
        return
    items = [{"product_id": each, "quantity": 1} for each in products[:2]]
    for _ in range(session.get(f"{api}/orders/").json()["count"], ORDERS):
        session.post(f"{api}/orders/", json={"shipping_address": ADDRESS, "items": items}).raise_for_status()


@contextmanager
def own_gateway(
    instance: Instance, shared: str, processes: int, **settings: str
) -> Iterator[tuple[int, psutil.Process]]:
    """A gateway of so many processes before the platform that runs, and where it listens; it counts requests and refuses none."""
    port = free_port()
    no_limit = {"MICROCOMMERCE_SHARED_SECONDS": shared, "MICROCOMMERCE_RATE_LIMIT": "100000000"}
    known = {**os.environ, **environment(service("gateway"), instance), **no_limit, **settings}
    command = [sys.executable, "-m", "gateway", "--port", str(port), "--workers", str(processes)]
    process = subprocess.Popen(command, cwd=ROOT, env=known, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://localhost:{port}/health/ready")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(15)


def _measure(
    instance: Instance, page: Page, connections: int, seconds: int, port: int, gateway: psutil.Process
) -> results.Row:
    headers = ["-H", f"Authorization: Bearer {token(instance)}"] if page.signed_in else []
    address = f"http://localhost:{port}{page.path}"
    wrk(address, connections, 1, headers)  # connections, tokens and pages are known from now on
    load, before = results.load(), _used(instance, gateway)
    rate, p50, p99 = wrk(address, connections, seconds, headers)
    after = _used(instance, gateway)
    requests_made = rate * seconds
    each = {name: 1000 * (after[name] - before.get(name, 0.0)) / requests_made for name in after}
    print(
        f"{page.title:<36} {connections:>3} connections {rate:>8,.0f}/s  p50 {p50:>6.1f}  p99 {p99:>6.1f} ms"
        f"  load {load}  CPU ms {_listed(each)}",
        flush=True,
    )
    return {
        "page": page.title,
        "connections": connections,
        "requests_a_second": round(rate),
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "cpu_ms": round(sum(each.values()), 2),
        "load": load,
    }


def _used(instance: Instance, gateway: psutil.Process) -> dict[str, float]:
    ours = sum(sum(each.cpu_times()[:2]) for each in (gateway, *gateway.children(recursive=True)))
    return {**cpu_seconds(instance), "gateway": ours}


def _listed(each: Mapping[str, float]) -> str:
    ranked = sorted(((value, name) for name, value in each.items() if value >= LEAST_SHOWN), reverse=True)
    return ", ".join(f"{name} {value:.2f}" for value, name in ranked)


def wrk(address: str, connections: int, seconds: int, headers: list[str]) -> tuple[float, float, float]:
    """Requests a second, and the median and the 99th percentile in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *headers, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(said)
    rate = re.search(r"Requests/sec:\s+(\S+)", said)
    times = [re.search(rf"{cut}%\s+([\d.]+)(us|ms|s)", said) for cut in (50, 99)]
    return (float(rate[1]) if rate else 0.0, *(float(t[1]) * TIMES[t[2]] if t else 0.0 for t in times))  # type: ignore[return-value]


def free_port() -> int:
    """One where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(address: str, status: int = HTTPStatus.OK) -> None:
    """Until it answers with that status."""
    for _ in range(200):
        with contextlib.suppress(requests.RequestException):
            if requests.get(address, timeout=2).status_code == status:
                return
        time.sleep(0.1)
    raise SystemExit(f"{address} does not answer with {status:d}.")


if __name__ == "__main__":
    main()
