"""The shoppers of benchmarks.orders, before a gateway that speaks the contract and writes down what it was asked."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from benchmarks import orders
from benchmarks.orders import Shop, measure, row

LEVELS = {"plenty": 9000, "few": 3, "some": 500}


class Gateway:
    """Confirms each order a moment after it was placed, to whoever placed it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []  # who, what, the body
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.numbers = itertools.count(1)

        self.delay = 0.02  # seconds from an order to its push

    def orders(self) -> int:
        return sum(what == "order" for _, what, _ in self.asked)

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post("/realms/microcommerce/protocol/openid-connect/token", self.token),
                web.get("/ws/notifications/", self.socket),
                web.get("/api/products/", self.products),
                web.get("/api/stock/", self.stock),
                web.post("/api/stock/{id}/adjustments/", self.adjust),
                web.put("/api/basket/", self.basket),
                web.post("/api/orders/", self.order),
            ]
        )
        return app

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": (await request.post())["username"]})

    def who(self, request: web.Request) -> str:
        return request.headers["Authorization"].removeprefix("Bearer ")

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = self.sockets[self.who(request)] = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async def products(self, request: web.Request) -> web.Response:
        return web.json_response({"results": [{"id": name} for name in LEVELS]})

    async def stock(self, request: web.Request) -> web.Response:
        levels = [{"product_id": name, "available": count} for name, count in LEVELS.items()]
        return web.json_response({"results": levels})

    async def adjust(self, request: web.Request) -> web.Response:
        self.asked.append((self.who(request), f"stock {request.match_info['id']}", await request.json()))
        return web.json_response({}, status=201)

    async def basket(self, request: web.Request) -> web.Response:
        self.asked.append((self.who(request), "basket", await request.json()))
        return web.json_response({})

    async def order(self, request: web.Request) -> web.Response:
        who, number = self.who(request), f"order-{next(self.numbers)}"
        self.asked.append((who, "order", await request.json()))
        told = {"order_id": number, "event": "order.confirmed"}
        asyncio.get_running_loop().call_later(0.01, self.tell, who, {**told, "order_id": "another"})
        asyncio.get_running_loop().call_later(self.delay, self.tell, who, told)
        return web.json_response({"id": number}, status=201)

    def tell(self, who: str, told: dict[str, str]) -> None:
        self.telling = asyncio.ensure_future(self.sockets[who].send_json(told))


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Gateway, Shop]]:
    monkeypatch.setattr(orders, "WARM_UP", 0.2)
    found = Gateway()
    runner = web.AppRunner(found.app(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found, Shop(address, address, "localhost:8000")
    await runner.cleanup()


async def test_a_buyer_posts_what_there_is_most_of_and_waits_for_its_own_push(
    gateway: tuple[Gateway, Shop],
) -> None:
    asked, shop = gateway
    seen = await measure(shop, [("ann", "x"), ("ben", "x")], 0.5, asked.orders)
    posted = [body for who, what, body in asked.asked if what == "order"]
    assert {who for who, what, _ in asked.asked if what == "order"} == {"ann", "ben"}
    assert all(body["items"] == [{"product_id": "plenty", "quantity": 1}] for body in posted)
    assert [(who, what) for who, what, _ in asked.asked if what.startswith("stock")] == [
        ("mia", "stock plenty")
    ]
    assert not any(what == "basket" for _, what, _ in asked.asked)
    assert 0 < seen.orders < len(posted)  # those of the warm-up do not count
    assert min(seen.measured.pushed) >= 20  # not when another order of the same customer was told
    assert row(2, seen, load=7.0)["load"] == 7.0


async def test_what_is_looked_at_belongs_to_the_orders_that_count(gateway: tuple[Gateway, Shop]) -> None:
    """Red when an order of the warm-up is under way at the first look: half of its work would be another's."""
    asked, shop = gateway
    seen = await measure(shop, [("ann", "x"), ("ben", "x"), ("cleo", "x")], 0.3, asked.orders)
    assert seen.after - seen.before == seen.orders


async def test_orders_that_take_longer_than_the_seconds_count_with_their_time(
    gateway: tuple[Gateway, Shop],
) -> None:
    asked, shop = gateway
    asked.delay = 0.5
    seen = await measure(shop, [("ann", "x"), ("ben", "x")], 0.1, asked.orders)
    assert seen.orders == 2
    assert seen.rate < 4


async def test_of_several_products_each_buyer_begins_with_another(gateway: tuple[Gateway, Shop]) -> None:
    asked, shop = gateway
    users = [("ann", "x"), ("ben", "x"), ("cleo", "x")]
    await measure(shop, users, 0.3, lambda: 0.0, products=2)
    bought = {
        user: [
            body["items"][0]["product_id"]
            for who, what, body in asked.asked
            if (who, what) == (user, "order")
        ][:3]
        for user, _ in users
    }
    assert bought == {
        "ann": ["plenty", "some", "plenty"],
        "ben": ["some", "plenty", "some"],
        "cleo": ["plenty", "some", "plenty"],
    }


async def test_by_basket_an_order_is_two_requests_of_the_next_product(gateway: tuple[Gateway, Shop]) -> None:
    asked, shop = gateway
    await measure(shop, [("ann", "x")], 0.5, lambda: 0.0, by_basket=True)
    hers = [(what, body) for who, what, body in asked.asked if who == "ann"]
    assert [what for what, _ in hers[:4]] == ["basket", "order", "basket", "order"]
    bought = [body["items"][0]["product_id"] for what, body in hers if what == "basket"]
    assert bought == list(itertools.islice(itertools.cycle(["plenty", "some", "few"]), len(bought)))
    assert not any("items" in body for what, body in hers if what == "order")
    assert {what for _, what, _ in asked.asked if what.startswith("stock")} == {
        "stock plenty",
        "stock some",
        "stock few",
    }
