"""How long from commit to client, and how much memory: `python -m tests.notification.measure [SOCKETS …]`.

Brings up a Redis and one API process, connects so many sockets from a process of its own, tells one customer
after another of a confirmed order, as the consumer does, and prints what it took. Needs the service's
database to be up and migrated; leaves no rows behind.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.notification.processes import Api, Redis, serve_keys

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

RATE = 40.0  # notifications a second
SECONDS = 15.0  # for each number of sockets


def clients(url: str, tokens: Iterable[str], pipe: Connection) -> None:
    """Connect one socket for each token; on a word from `pipe`, answer {order id: moment it arrived}."""
    asyncio.run(_clients(url, tokens, pipe))


async def _clients(url: str, tokens: Iterable[str], pipe: Connection) -> None:
    from websockets.asyncio.client import connect

    arrived: dict[str, float] = {}

    async def listen(socket: "ClientConnection") -> None:
        async for text in socket:
            arrived[json.loads(text)["order_id"]] = time.monotonic()

    started = time.monotonic()
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    sockets = [await connect(url, additional_headers=header, compression=None) for header in headers]
    listeners = [asyncio.create_task(listen(socket)) for socket in sockets]
    pipe.send(time.monotonic() - started)
    await asyncio.to_thread(pipe.recv)
    pipe.send(arrived)
    await asyncio.gather(*(socket.close() for socket in sockets), *listeners)


def measure(api: Api, sockets: int) -> dict[str, Any]:
    """The figures with so many sockets."""
    from shared.testing.tokens import make_token

    customers = [str(uuid.uuid4()) for _ in range(sockets)]
    here, there = multiprocessing.Pipe()
    before = api.memory()
    process = multiprocessing.get_context("spawn").Process(
        target=clients,
        args=(api.socket_url(), [make_token(customer) for customer in customers], there),
        daemon=True,
    )
    process.start()
    connecting = here.recv()
    cpu = api.cpu_seconds()
    committed = tell_steadily(customers)
    time.sleep(1.0)
    cpu = api.cpu_seconds() - cpu
    here.send("enough")
    arrived = here.recv()
    process.join()
    delays = sorted(
        (arrived[order] - moment) * 1000 for order, moment in committed.items() if order in arrived
    )
    return {
        "sockets": sockets,
        "connects_per_s": round(sockets / connecting),
        "told": len(committed),
        "lost": len(committed) - len(delays),
        "p50_ms": round(statistics.median(delays), 1),
        "p99_ms": round(delays[int(len(delays) * 0.99)], 1),
        "max_ms": round(delays[-1], 1),
        "api_cpu_percent": round(100 * cpu / SECONDS),
        "api_mb": round(api.memory() / 2**20),
        "kb_per_socket": round((api.memory() - before) / sockets / 1024),
    }


def tell_steadily(customers: list[str]) -> dict[str, float]:
    """Tell `RATE` customers a second; returns {order id: moment of the commit}."""
    from tests.notification.builders import tell

    committed: dict[str, float] = {}
    started = time.monotonic()
    while (passed := time.monotonic() - started) < SECONDS:
        [order] = tell(customers[len(committed) % len(customers)])
        committed[str(order)] = time.monotonic()
        time.sleep(max(0.0, len(committed) / RATE - passed))
    return committed


def main(counts: list[int]) -> None:
    """Print one line of JSON for each number of sockets."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.notification.settings")
    with tempfile.TemporaryDirectory() as directory:
        redis = Redis(Path(directory))
        redis.start()
        os.environ["MICROCOMMERCE_REDIS_URL"] = redis.url
        import django

        django.setup()
        from apps.notification.models import CustomerCursor, Notification

        keys = serve_keys()
        environment = {"MICROCOMMERCE_KEYCLOAK_URL": f"http://127.0.0.1:{keys.server_port}"}
        started_at = django.utils.timezone.now()
        api = Api(environment, Path(directory) / "api.log").start()
        try:
            for count in counts:
                sys.stdout.write(json.dumps(measure(api, count)) + "\n")
                sys.stdout.flush()
        finally:
            api.stop()
            redis.stop()
            told = Notification.objects.filter(created_at__gte=started_at)
            CustomerCursor.objects.filter(customer_id__in=told.values("customer_id")).delete()
            told.delete()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1, 100, 1000])
