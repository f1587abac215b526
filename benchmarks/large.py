"""A platform with a million orders, a million products and a hundred thousand customers, beside itself when it was small.

    .venv/bin/python -m benchmarks.large [--rows 1000000] [--buyers 32] [--seconds 15] [--keep-rows] [--port-offset N]

Takes a platform that may be thrown away (`up --port-offset N`, afterwards `reset`). Measures orders a second, the median of each
page that customers see (those of the catalogue as after a change of it, when no process has kept them) and the memory of
everything; fills the stores as if so many orders had been placed and confirmed (each with its line, saga, reservation, movement
and notification; every product in each copy), a table in one statement; and measures the same again. What was filled in holds
together: at the end the shop is held to its promises.
"""

# ruff: noqa: S608 - the statements are made of this file's own text alone

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import psycopg
import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection
from redis import Redis

from benchmarks import results
from benchmarks.admin_lists import made_up_product
from benchmarks.orders import Shop, check, cpu_seconds, measure, of_our_own, run, with_users
from benchmarks.reads import token
from launcher.addresses import gateway_url, mongodb_url, port_of, postgres_url
from launcher.instance import Instance
from launcher.memory import memory_by_group
from launcher.platform import processes
from launcher.system import STORES, service

CUSTOMERS = 100_000
AT_ONCE = 5_000  # products in one insert
TRIES = 60  # of each page
MIB = 1024 * 1024
PAGES = {
    # Another address each time: none is a shared answer.
    "products": "/api/products/?min_price=0.{try_number:02d}",
    "search": "/api/products/?search=kettle&ordering=price&min_price=0.{try_number:02d}",
    "page 3": "/api/products/?page=3&min_price=0.{try_number:02d}",
    "stock": "/api/stock/",
    "basket": "/api/basket/",
    "orders": "/api/orders/",
    "notifications": "/api/notifications/",
}
# `n` counts from 1. All lies in the past, the newest last.
MOMENT = "now() - make_interval(secs => %(rows)s - n + 3600)"
ORDER = "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
CUSTOMER = f"'customer-' || n %% {CUSTOMERS}"
PRODUCT = "lpad(to_hex(n), 24, '0')"
FROM = "FROM generate_series(1, %(rows)s) n"
NAME = "'Made-up piece ' || n"
ADDRESS = """jsonb_build_object('name', 'Customer ' || n, 'line1', 'Main Street 1', 'city', 'Berlin', 'postal_code', '10115', 'country', 'DE')"""
ROWS = {
    "order": (
        f"""INSERT INTO order_order (id, customer_id, customer_name, customer_email, status, status_reason, total, currency,
            shipping_address, fingerprint, cancellation_reason, created_at, updated_at)
            SELECT {ORDER}, {CUSTOMER}, {CUSTOMER}, {CUSTOMER} || '@example.com', 'confirmed', '', 12.50, 'EUR', {ADDRESS}, '', '',
            {MOMENT}, {MOMENT} {FROM}""",
        f"""INSERT INTO order_orderline (order_id, position, product_id, name, unit_price, quantity, product_version)
            SELECT {ORDER}, 0, {PRODUCT}, {NAME}, 12.50, 1, 1 {FROM}""",
        f"""INSERT INTO order_productcopy (product_id, name, price, currency, is_active, version)
            SELECT {PRODUCT}, {NAME}, 12.50, 'EUR', true, 1 {FROM}""",
    ),
    "stock": (
        f"""INSERT INTO stock_stockitem (product_id, on_hand, reserved, version, name, is_active, product_version, created_at, updated_at)
            SELECT {PRODUCT}, 10, 0, 2, {NAME}, true, 1, {MOMENT}, {MOMENT} {FROM}""",
        f"""INSERT INTO stock_movement (product_id, kind, delta, on_hand, reason, actor, created_at)
            SELECT {PRODUCT}, 'initial', 11, 11, '', '', {MOMENT} {FROM}""",
        f"""INSERT INTO stock_movement (product_id, kind, delta, on_hand, reason, order_id, actor, created_at)
            SELECT {PRODUCT}, 'sale', -1, 10, '', {ORDER}, '', {MOMENT} {FROM}""",
        f"""INSERT INTO stock_reservation (order_id, state, reason, lines, shortages, created_at, updated_at)
            SELECT {ORDER}, 'committed', '', jsonb_build_object({PRODUCT}, 1), '[]', {MOMENT}, {MOMENT} {FROM}""",
    ),
    "saga": (  # as long as a real one: its steps and its history are those of one that was measured before
        f"""INSERT INTO saga_saga (id, kind, order_id, customer_id, items, status, is_stuck, step, reason, cancel_requested,
            steps, history, traceparent, created_at, updated_at, version, failures)
            SELECT gen_random_uuid(), one.kind, {ORDER}, {CUSTOMER},
            jsonb_build_array(jsonb_build_object('product_id', {PRODUCT}, 'quantity', 1)), 'completed', false, '', '', false,
            one.steps, one.history, one.traceparent, {MOMENT}, {MOMENT}, one.version, 0 {FROM},
            (SELECT * FROM saga_saga WHERE status = 'completed' LIMIT 1) AS one""",
    ),
    "notification": (
        f"""INSERT INTO notification_notification (customer_id, id, event, order_id, title, body, data, created_at)
            SELECT {CUSTOMER}, 1 + (n - 1) / {CUSTOMERS}, 'order.confirmed', {ORDER}, 'Order MC-' || n || ' is confirmed',
            'Thank you! Everything is set aside for you.', '{{"total": "12.50", "currency": "EUR"}}', {MOMENT} {FROM}""",
        """INSERT INTO notification_customercursor (customer_id, last_id) SELECT customer_id, max(id)
            FROM notification_notification WHERE customer_id LIKE 'customer-%%' AND %(rows)s > 0 GROUP BY customer_id""",
    ),
}


@dataclass(frozen=True)
class State:
    """One measurement of the platform, small or large."""

    rate: float
    p50: float
    p99: float
    cpu_ms: float
    pages: dict[str, float]  # medians in milliseconds
    memory: dict[str, float]  # MiB of services and of each store


def fill(instance: Instance, rows: int) -> None:
    """Everything, in every store."""
    for name, statements in ROWS.items():
        with psycopg.connect(postgres_url(instance, name), autocommit=True) as connection:
            for statement in statements:
                began = time.perf_counter()
                connection.execute(statement, {"rows": rows})
                _say(statement.split()[2], rows, began)
            connection.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_url(instance, "product")) as client:
        products: Collection[dict[str, Any]] = client["product"]["product_product"]
        documents = (made_up_product(number) for number in range(1, rows + 1))
        while batch := list(islice(documents, AT_ONCE)):
            products.insert_many(batch, ordered=False)
    _say("products", rows, began)
    began = time.perf_counter()
    with Redis(port=port_of(instance, "redis"), db=service("basket").redis) as redis:
        _, pattern = next(iter(redis.hscan_iter("catalogue")))
        known = iter(range(1, rows + 1))
        while numbers := list(islice(known, AT_ONCE)):
            redis.hset("catalogue", mapping={f"{number:024x}": pattern for number in numbers})
    _say("the basket's copies", rows, began)


def _say(what: str, rows: int, began: float) -> None:
    print(f"{what}: {rows:,} in {time.perf_counter() - began:.0f} s", flush=True)


def look(instance: Instance, chosen: argparse.Namespace) -> State:
    """Orders, then pages, then memory."""
    users = of_our_own(chosen.buyers)
    seen = run(
        measure(
            Shop.of(instance), users, chosen.seconds, partial(cpu_seconds, instance), products=chosen.products
        )
    )
    p50, p99 = results.cuts(seen.measured.pushed)
    spent = sum(seen.after.values()) - sum(seen.before.values())
    state = State(seen.rate, p50, p99, 1000 * spent / seen.orders, dict(_pages(instance)), _memory(instance))
    pages = ", ".join(f"{name} {value:.1f}" for name, value in state.pages.items())
    print(
        f"{state.rate:.1f} orders a second, p50 {p50} p99 {p99} ms, {state.cpu_ms:.0f} ms of CPU each; pages: {pages} ms"
    )
    print(f"MiB: {state.memory}, load {results.load()}", flush=True)
    return state


def _pages(instance: Instance) -> Iterator[tuple[str, float]]:
    _forget_pages(instance)
    with requests.Session() as http:
        http.headers["Authorization"] = f"Bearer {token(instance)}"
        for name, path in PAGES.items():
            yield name, round(statistics.median(_times(http, gateway_url(instance) + path)), 1)


def _forget_pages(instance: Instance) -> None:
    """As any change of the catalogue does: its pages are written anew, and its lists counted anew."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_url(instance, "product")) as client:
        client["product"]["product_revision"].update_one({}, {"$set": {"token": ObjectId()}})


def _times(http: requests.Session, address: str) -> Iterator[float]:
    for number in range(TRIES):
        began = time.perf_counter()
        answer = http.get(address.format(try_number=number), timeout=60)
        answer.raise_for_status()
        yield (time.perf_counter() - began) * 1000


def _memory(instance: Instance) -> dict[str, float]:
    stores = {each.name for each in STORES}
    found = {"services": 0.0}
    known = {each["pid"]: str(each["name"]) for each in processes(instance) if each["pid"]}
    for pid, size in memory_by_group(known).items():
        name = known[pid] if known[pid] in stores else "services"
        found[name] = round(found.get(name, 0.0) + size / MIB)
    return found


def rows(states: Sequence[tuple[str, State]], load: float) -> Iterator[results.Row]:
    """One for each state; the last says what the large one is of the small one."""
    for name, state in states:
        yield {
            "platform": name,
            "orders_a_second": round(state.rate, 1),
            "pushed_p50_ms": state.p50,
            "pushed_p99_ms": state.p99,
            "cpu_ms": round(state.cpu_ms, 1),
            "slowest_page_ms": max(state.pages.values()),
            "services_mib": state.memory["services"],
            "stores_mib": sum(size for name, size in state.memory.items() if name != "services"),
            "of_the_first": round(state.rate / states[0][1].rate, 2),
            "load": load,
        }


def main() -> None:
    """Measure, fill, measure."""
    parser = results.options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="orders, and products")
    parser.add_argument("--buyers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the buyers buy")
    parser.add_argument("--products", type=int, default=10, help="how many are bought in turn")
    parser.add_argument(
        "--keep-rows", action="store_true", help="fill in nothing, measure the rows of an earlier run once"
    )
    chosen = parser.parse_args()
    instance, load = Instance(chosen.port_offset), results.load()
    with_users(instance, chosen.buyers)
    states = [] if chosen.keep_rows else [("small", look(instance, chosen))]
    if not chosen.keep_rows:
        fill(instance, chosen.rows)
    states.append(("large", look(instance, chosen)))
    results.save(chosen.json, list(rows(states, load)))
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
