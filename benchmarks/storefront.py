"""A page of 20 products of this platform and of Vendure 3.7.3 in turn, on the same cores: rates, spread and ratio of pairs.

    .venv/bin/python -m benchmarks.storefront [--connections 8] [--pairs 5] [--seconds 4] [--port-offset N]

Ours is GET /api/products/ through a gateway of its own: by nobody and by a signed-in customer, kept by the gateway for
three seconds (as it is in production) and always asked of the product service. Vendure's is the `search` of its shop API,
by a guest, with the fields that ours shows, from its index in PostgreSQL. Each shop has about 100 products and runs in one
process for these requests. Needs wrk (Debian has it) and Node 20; installs Vendure from npm into the cache (once).
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import requests

from benchmarks import results
from benchmarks.peers.vendure.shop import FOLDER, Vendure, require_node, running
from benchmarks.reads import PAGES, SHARED, UNSHARED, Page, in_rounds, own_gateway, require_wrk, token, wrk
from launcher.instance import Instance

SHOWN = 20
VENDURE = "Vendure's search"
SEARCH = FOLDER / "search.lua"
OURS = [page for page in PAGES if page.name == "products"]
Rates = Mapping[str, float]


def of_ours(instance: Instance, page: Page, port: int, connections: int, seconds: int) -> float:
    """Requests a second of one of our pages."""
    headers = ["-H", f"Authorization: Bearer {token(instance)}"] if page.signed_in else []
    address = f"http://localhost:{port}{page.path}"
    wrk(address, connections, 1, headers)  # connections, tokens and pages are known from now on
    return wrk(address, connections, seconds, headers)[0]


def of_vendure(shop: Vendure, connections: int, seconds: int) -> float:
    """Requests a second of its search."""
    options = ["-s", str(SEARCH)]
    wrk(shop.api, connections, 1, options)
    return wrk(shop.api, connections, seconds, options)[0]


def in_turn(
    instance: Instance, shop: Vendure, ports: Mapping[str, int], connections: int, chosen: argparse.Namespace
) -> Iterator[Rates]:
    """All of them, one right after the other; who is first changes."""
    pages = {page.title: partial(of_ours, instance, page, ports[page.shared]) for page in OURS}
    measure = {**pages, VENDURE: partial(of_vendure, shop)}
    for number in range(chosen.pairs):
        names = list(measure) if number % 2 == 0 else list(measure)[::-1]
        rates = {name: measure[name](connections, chosen.seconds) for name in names}
        said = ", ".join(f"{name} {rates[name]:,.0f}" for name in measure)
        print(f"{connections} connections, round {number + 1}: {said}, load {results.load()}", flush=True)
        yield rates


def compared(connections: int, rounds: Sequence[Rates], load: float) -> Iterator[results.Row]:
    """A row for each page: the median, the spread, how many times Vendure's of the same round."""
    for name in rounds[0]:
        ratios = [each[name] / each[VENDURE] for each in rounds]
        yield {
            "page": name,
            "connections": connections,
            "requests_a_second": round(results.median([each[name] for each in rounds])),
            "spread": results.spread([each[name] for each in rounds]),
            "times_vendure": results.median(ratios),
            "ratio_spread": results.spread(ratios),
            "load": load,
        }


def _shows_a_page(shop: Vendure, port: int) -> None:
    """Both answer with as many products, so that as much is asked of both."""
    ours = requests.get(f"http://localhost:{port}{OURS[0].path}", timeout=10).json()["results"]
    body = SEARCH.read_text().partition("[[")[2].partition("]]")[0]
    answer = requests.post(shop.api, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    theirs = answer.json()["data"]["search"]["items"]
    if not len(ours) == len(theirs) == SHOWN:
        raise SystemExit(f"Ours shows {len(ours)} products, Vendure {len(theirs)}; both should show {SHOWN}.")


def main() -> None:
    """Start Vendure and two gateways, measure in turn, print."""
    chosen = in_rounds(__doc__, connections="8").parse_args()
    instance, rows = Instance(chosen.port_offset), list[results.Row]()
    require_wrk()
    with results.in_one_line():
        require_node()
        with running(partial(print, flush=True)) as shop, ExitStack() as stack:
            ports = {
                shared: stack.enter_context(own_gateway(instance, shared, 1))[0]
                for shared in (UNSHARED, SHARED)
            }
            _shows_a_page(shop, ports[UNSHARED])
            for connections in results.whole_numbers(chosen.connections):
                load = results.load()
                rounds = list(in_turn(instance, shop, ports, connections, chosen))
                rows += compared(connections, rounds, load)
    results.save(chosen.json, rows)


if __name__ == "__main__":
    main()
