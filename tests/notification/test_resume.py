"""No gap and no duplicate, whatever happens between a client and the writers, on whichever replica."""

import asyncio
import json
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from channels.testing import WebsocketCommunicator
from django.db import connection, connections
from websockets.asyncio.client import ClientConnection, connect

from apps.notification import consumers
from apps.notification.executors import THREADS, newest_ids
from apps.notification.hub import hub
from shared import contracts
from shared.testing.tokens import make_token
from tests.notification.builders import happened, hear, tell
from tests.notification.client import SOON, bearer
from tests.notification.processes import Api

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 4
TURNS = 40
CLIENTS = 12
WAIT_SECONDS = 240.0  # seconds


def write(customers: list[str]) -> dict[str, int]:
    """Tell all customers things from several threads at once; returns how many each was told."""
    told = dict.fromkeys(customers, 0)
    lock = threading.Lock()

    def one_writer(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(TURNS):
                customer, orders = dice.choice(customers), dice.randint(1, 4)
                tell(customer, orders)
                with lock:
                    told[customer] += orders
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(one_writer, range(WRITERS)))
    return told


def in_passing(work: Callable[..., object], *arguments: object) -> None:
    """Do `work` in a thread that keeps no connection."""
    try:
        work(*arguments)
    finally:
        connection.close()


class Reader:
    """A client that comes and goes, each time to another replica, and asks for what it missed."""

    def __init__(self, apis: list[Api], customer: str, seed: int) -> None:
        self.apis, self.customer = apis, customer
        self.dice = random.Random(seed)
        self.last = 0
        self.connections = 0

    async def read_until(self, enough: "asyncio.Future[dict[str, int]]") -> None:
        """Read until everything that was told is here; fails on an id that is not the next one."""
        headers = bearer(self.customer)
        while not (enough.done() and self.last == enough.result()[self.customer]):
            url = self.dice.choice(self.apis).socket_url(f"?after={self.last}")
            self.connections += 1
            async with connect(url, additional_headers=headers, max_queue=None) as socket:
                await self._read_some(socket)
                if self.dice.random() < 0.5:
                    socket.transport.abort()  # as by a lost network: what was on its way is gone

    async def _read_some(self, socket: ClientConnection) -> None:
        for _ in range(self.dice.randint(0, 15)):
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), 1.0))
            except TimeoutError:
                return
            assert message["id"] == self.last + 1, f"{message['id']} came after {self.last}"
            self.last = message["id"]


def test_coming_and_going_while_many_write(api: Api, second_api: Api) -> None:
    customers = [str(uuid.uuid4()) for _ in range(3)]
    readers = [Reader([api, second_api], customers[seed % 3], seed) for seed in range(CLIENTS)]

    async def story() -> dict[str, int]:
        loop = asyncio.get_running_loop()
        written = asyncio.ensure_future(loop.run_in_executor(None, write, customers))
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(written, *(reader.read_until(written) for reader in readers))
        return written.result()

    told = asyncio.run(story())
    assert [reader.last for reader in readers] == [told[reader.customer] for reader in readers]
    assert sum(reader.connections for reader in readers) > CLIENTS * 3


async def test_what_happens_between_the_look_and_the_first_message_comes_at_once(
    trusted_realm: None, monkeypatch: pytest.MonkeyPatch, customer: str
) -> None:
    """A socket listens before it looks: what commits just after the look is announced to it."""

    async def look_and_be_told(customers: list[str]) -> dict[str, int]:
        found = await newest_ids(customers)
        await asyncio.to_thread(in_passing, tell, customer)
        await asyncio.sleep(1.0)  # whoever does not listen yet has missed it
        return found

    monkeypatch.setattr(consumers, "newest_ids", look_and_be_told)
    hub.cache_clear()
    header = (b"authorization", f"Bearer {make_token(customer)}".encode())
    socket = WebsocketCommunicator(consumers.NotificationConsumer.as_asgi(), "/?after=0", headers=[header])
    assert await socket.connect(timeout=SOON) == (True, None)
    assert json.loads(await socket.receive_from(timeout=SOON))["id"] == 1
    await socket.disconnect()
    hub.cache_clear()
    await asyncio.wrap_future(THREADS.submit(connections.close_all))


def test_staying_while_many_write(api: Api, second_api: Api, customer: str) -> None:
    """Announcements of different writers overtake one another; the ids still come in their order."""

    async def listen(replica: Api, ready: asyncio.Barrier) -> list[int]:
        seen: list[int] = []
        event = ""
        async with connect(replica.socket_url(), additional_headers=bearer(customer)) as socket:
            await ready.wait()
            while event != "order.delivered":
                message = json.loads(await asyncio.wait_for(socket.recv(), WAIT_SECONDS))
                event = message["event"]
                seen.append(message["id"])
        return seen

    async def story() -> tuple[list[list[int]], int]:
        ready = asyncio.Barrier(5)
        listeners = [asyncio.create_task(listen(replica, ready)) for replica in (api, second_api) * 2]
        await ready.wait()
        told = await asyncio.to_thread(write, [customer])
        await asyncio.to_thread(in_passing, hear, happened(contracts.OrderDelivered, customer))
        return await asyncio.gather(*listeners), told[customer] + 1

    seen, count = asyncio.run(story())
    assert seen == [list(range(1, count + 1))] * 4
