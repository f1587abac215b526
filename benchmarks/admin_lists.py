"""How long the lists of the back office take with a million rows in each table.

    .venv/bin/python -m benchmarks.admin_lists [--rows 1000000] [--managers 1,8,32] [--port-offset N] [--keep-rows]

Fills the tables of a platform that runs with rows that nobody ordered: `check` is not true afterwards, so take a platform
that may be thrown away (`reset`). Asks for each page through the gateway as the manager mia, and prints the median and the
worst of `TRIES` answers in milliseconds.
"""

# ruff: noqa: S608 - the statements are made of this file's own text alone

import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Any

import psycopg
import requests
from bson import Decimal128, ObjectId
from pymongo import MongoClient

from benchmarks import results
from launcher.addresses import gateway_url, keycloak_url
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import service

TRIES = 7
KINDS = ("mug", "cup", "kettle", "grinder", "filter", "scale", "spoon", "jar", "tray", "towel")
AT_ONCE = 5_000  # products in one insert
PAGES = (
    "/admin/order/order/",
    "/admin/order/order/?p=100",
    "/admin/order/order/?status__exact=confirmed",
    "/admin/order/order/?q=00000000-0000-4000-8000-000000000005",
    "/admin/order/order/?q=customer-77",  # the beginning of a user name, an e-mail address, and names on parcels
    "/admin/order/order/?q=customer-77@example.com",
    "/admin/order/order/?q=c",  # every order has it
    "/admin/order/order/?q=MC-0000F",
    "/admin/order/order/?q=nobody",
    "/admin/order/figures/",
    "/admin/stock/figures/",
    "/admin/saga/figures/",
    "/admin/stock/stockitem/",
    "/admin/stock/stockitem/?q=00000000000000000000000a",
    "/admin/stock/movement/",
    "/admin/stock/reservation/",
    "/admin/saga/saga/",
    "/admin/saga/deadletter/",
    "/admin/notification/notificationrecord/",
    "/admin/product/product/",
    "/admin/product/product/?p=100",
    "/admin/product/product/?q=mug",
    "/admin/product/product/?is_active__exact=0",
    "/admin/product/figures/",
    "/admin/product/",
    "/admin/product/change/",
    "/admin/product/change/?source__exact=api",
    "/admin/order/change/",
    "/admin/order/change/?source__exact=api",
    "/admin/stock/stockitem/?level=low",
    "/admin/saga/deadletter/?status__exact=waiting",
)
# table -> how its rows are made; `n` counts from 1. Both times lie in the past, the newest last.
MOMENT = "now() - make_interval(secs => %(rows)s - n)"
ORDER_ID = "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
PRODUCT_ID = "lpad(to_hex(n), 24, '0')"
STATUS = "(ARRAY['confirmed','shipped','delivered','rejected','cancelled'])[1 + n %% 5]"
ADDRESS = """jsonb_build_object('name', 'Customer ' || n, 'line1', 'Main Street 1', 'city', 'Berlin', 'postal_code', '10115', 'country', 'DE')"""
CHANGES = f"""INSERT INTO history_change (at, model, object_id, object_name, action, differences, reason, actor_id, actor_name, source)
    SELECT {MOMENT}, 'order', {ORDER_ID}::text, 'MC-' || n, 'shipped', '{{}}', '', 'manager-' || n %% 20, 'manager-' || n %% 20,
    (ARRAY['admin','api'])[1 + n %% 2] FROM generate_series(1, %(rows)s) n"""
ROWS: dict[str, tuple[str, ...]] = {
    "order": (
        f"""INSERT INTO order_order (id, customer_id, customer_name, customer_email, status, status_reason, total, currency, shipping_address, fingerprint,
            cancellation_reason, created_at, updated_at)
            SELECT {ORDER_ID}, 'customer-' || n %% 100000, 'customer-' || n %% 100000,
            'customer-' || n %% 100000 || '@example.com', {STATUS}, '', 12.50, 'EUR', {ADDRESS}, '', '', {MOMENT}, {MOMENT}
            FROM generate_series(1, %(rows)s) n""",
        CHANGES,
    ),
    "stock": (
        f"""INSERT INTO stock_stockitem (product_id, on_hand, reserved, version, name, is_active, product_version, created_at, updated_at)
            SELECT {PRODUCT_ID}, n %% 1000 + 5, n %% 5, 1, 'Product ' || n, true, 1, {MOMENT}, {MOMENT}
            FROM generate_series(1, %(rows)s) n""",
        f"""INSERT INTO stock_movement (product_id, kind, delta, on_hand, reason, actor, created_at)
            SELECT {PRODUCT_ID}, 'initial', n %% 1000 + 5, n %% 1000 + 5, '', '', {MOMENT} FROM generate_series(1, %(rows)s) n""",
        f"""INSERT INTO stock_reservation (order_id, state, reason, lines, shortages, created_at, updated_at)
            SELECT {ORDER_ID}, 'committed', '', jsonb_build_object({PRODUCT_ID}, 1), '[]', {MOMENT}, {MOMENT}
            FROM generate_series(1, %(rows)s) n""",
    ),
    "saga": (
        f"""INSERT INTO saga_saga (id, kind, order_id, customer_id, items, status, is_stuck, step, reason, cancel_requested,
            steps, history, traceparent, created_at, updated_at)
            SELECT gen_random_uuid(), 'placement', {ORDER_ID}, 'customer-' || n %% 100000, '[]', 'completed', n %% 1000 = 0,
            '', '', false, '[]', '[]', '', {MOMENT}, {MOMENT} FROM generate_series(1, %(rows)s) n""",
        f"""INSERT INTO saga_deadletter (topic, partition, "offset", headers, payload, error, attempts, service, status, created_at)
            SELECT 'orders.events', 0, n + 1000000000, '{{}}', '\\x7b7d', 'made up', 1, 'stock', 'discarded', {MOMENT}
            FROM generate_series(1, %(rows)s) n""",
    ),
    "notification": (
        f"""INSERT INTO notification_notification (customer_id, id, event, order_id, title, body, data, created_at)
            SELECT 'customer-' || n %% 100000, n, 'order.confirmed', {ORDER_ID}, 'Confirmed', 'Your order is confirmed.', '{{}}', {MOMENT}
            FROM generate_series(1, %(rows)s) n""",
    ),
}


def main() -> None:
    """Fill, then measure each page."""
    parser = results.options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--managers", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--keep-rows", action="store_true", help="measure with the rows of an earlier run")
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    if not chosen.keep_rows:
        fill(instance, chosen.rows)
    results.save(chosen.json, list(measure(instance, results.whole_numbers(chosen.managers))))


def fill(instance: Instance, rows: int) -> None:
    """Put `rows` rows into each table that a list shows."""
    for name, statements in ROWS.items():
        with psycopg.connect(_store(name, instance), autocommit=True) as connection:
            for statement in statements:
                began = time.perf_counter()
                connection.execute(statement, {"rows": rows})
                table = statement.split()[2]
                connection.execute(f"VACUUM ANALYZE {table}")
                print(f"{table}: {rows:,} rows in {time.perf_counter() - began:.0f} s", flush=True)
    url = _store("product", instance)
    client: MongoClient[Any] = MongoClient(url)
    database = client.get_default_database()
    for name, documents in (
        ("product_product", (made_up_product(number) for number in range(rows))),
        ("history_change", _changes(rows)),
    ):
        began = time.perf_counter()
        while batch := list(islice(documents, AT_ONCE)):
            database[name].insert_many(batch, ordered=False)
        print(f"{name}: {rows:,} rows in {time.perf_counter() - began:.0f} s", flush=True)


def _changes(rows: int) -> Iterator[dict[str, Any]]:
    for number in range(rows):
        by = f"manager-{number % 20}"
        yield {
            "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
            "model": "product",
            "object_id": str(ObjectId()),
            "object_name": f"Made-up {number}",
            "action": "changed",
            "differences": {"price": ["12.00", "12.50"]},
            "reason": "",
            "actor_id": by,
            "actor_name": by,
            "source": ("admin", "api")[number % 2],
        }


def made_up_product(number: int) -> dict[str, Any]:
    """A product as the catalogue keeps it, with its number for an id."""
    kind = KINDS[number % len(KINDS)]
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return {
        "_id": ObjectId(f"{number:024x}"),
        "name": f"Made-up {kind} {number}",
        "slug": f"made-up-{number}",
        "description": "",
        "price": Decimal128("12.50"),
        "currency": "EUR",
        "categories": [],
        "image": "",
        "is_active": True,
        "version": 1,
        "words": ["made", "up", kind, str(number)],
        "name_key": f"made-up {kind} {number}",
        "created_at": moment,
        "updated_at": moment,
    }


def measure(instance: Instance, managers: Sequence[int]) -> Iterator[results.Row]:
    """Ask for each page as mia, by so many managers at once."""
    form = {"grant_type": "password", "client_id": "microcommerce-cli", "username": "mia", "password": "mia"}
    tokens = f"{keycloak_url(instance)}/realms/microcommerce/protocol/openid-connect/token"
    for at_once in managers:
        answer = requests.post(tokens, data=form, timeout=30)  # good for five minutes
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        load = results.load()
        print(f"{at_once} at once, load {load}")
        with ThreadPoolExecutor(at_once) as pool:
            for page in PAGES:
                asked = pool.map(_ask, [gateway_url(instance) + page] * at_once, [headers] * at_once)
                times = [each for some in asked for each in some]
                median, worst = round(statistics.median(times)), round(max(times))
                print(f"{page:<60} median {median:6} ms, worst {worst:6} ms", flush=True)
                yield {
                    "managers": at_once,
                    "page": page,
                    "median_ms": median,
                    "worst_ms": worst,
                    "load": load,
                }


def _ask(address: str, headers: dict[str, str]) -> list[float]:
    """How long each of `TRIES` answers took, in milliseconds."""
    times = []
    with requests.Session() as http:
        for _ in range(TRIES):
            began = time.perf_counter()
            found = http.get(address, headers=headers, timeout=60)
            times.append((time.perf_counter() - began) * 1000)
            if found.status_code != HTTPStatus.OK:
                raise SystemExit(f"{address}: {found.status_code} {found.text[:300]}")
    return times


def _store(name: str, instance: Instance) -> str:
    return environment(service(name), instance)["MICROCOMMERCE_DATABASE_URL"]


if __name__ == "__main__":
    main()
