"""What the services have written down, read from their own stores to see what did, or did not, come about."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg
from pymongo import MongoClient
from redis import Redis

ON_POSTGRESQL = ("order", "stock", "saga", "notification")
CATALOGUE = ("product_product", "product_category")
BASKETS = 2  # the number of the basket service's Redis database
# What a service remembers of the messages it got and sent is not business; what it sends is counted apart.
NOT_BUSINESS = ("django_%", "messaging_%")
TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE ALL(%s) ORDER BY 1"
)
DIGEST = "SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(row::text, '|' ORDER BY row::text)), '') FROM ({}) AS row"
SENT = "SELECT coalesce(max(id), 0) FROM messaging_outboxmessage"
# What is on its way: each counts rows that will be different, or gone, once it has arrived.
UNDER_WAY = {
    "order": ["order_order WHERE status = 'submitted'"],
    "saga": ["saga_saga WHERE status IN ('running', 'compensating') AND NOT is_stuck", "saga_sagaevent"],
    "stock": ["stock_reservation WHERE state = 'held'"],
    "notification": [],
}
PASSING_THROUGH = ["messaging_outboxmessage WHERE sent_at IS NULL", "messaging_parkedmessage"]
# Megabytes that never change are not read again and again: these columns say enough.
IN_SHORT = {"saga_deadletter": "SELECT id, status FROM saga_deadletter"}
State = dict[str, str]


class Records:
    """The stores of one platform."""

    def __init__(self, urls: dict[str, str]) -> None:
        self._urls = urls
        self._databases = {owner: _database(urls["postgres"], owner) for owner in ON_POSTGRESQL}
        self.reconnect()

    def reconnect(self) -> None:
        """Look at the stores anew, which were stopped and started."""
        urls = self._urls
        self._sql: dict[str, psycopg.Connection[Any]] = {}
        self._mongo: MongoClient[dict[str, Any]] = MongoClient(urls["mongodb"])
        self._baskets = Redis.from_url(f"{urls['redis']}/{BASKETS}")

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._sql.values():
            connection.close()
        self._mongo.close()
        self._baskets.close()

    def ask(self, owner: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that `query` finds in a service's database."""
        try:
            return self._connected(owner).execute(query, values).fetchall()
        except (
            psycopg.OperationalError
        ):  # the store was killed since: what asks changes nothing, so ask again
            return self._connected(owner).execute(query, values).fetchall()

    def _connected(self, owner: str) -> "psycopg.Connection[Any]":
        if owner not in self._sql or self._sql[owner].broken:
            self._sql[owner] = psycopg.connect(self._databases[owner], autocommit=True)
        return self._sql[owner]

    def state(self) -> State:
        """Every store's content, in short: two that are equal say that nothing has changed and nothing was sent."""
        found: State = {}
        for owner in ON_POSTGRESQL:
            for (table,) in self.ask(owner, TABLES, list(NOT_BUSINESS)):
                rows = IN_SHORT.get(table, f"SELECT * FROM {table}")
                found[f"{owner}: {table}"] = self.ask(owner, DIGEST.format(rows))[0][0]
            found[f"{owner}: messages sent"] = str(self.ask(owner, SENT)[0][0])
        return found | self._catalogue() | self._all_baskets()

    def under_way(self) -> dict[str, int]:
        """What has not come to rest yet, by what it is; empty when the shop is quiet."""
        counts = {
            f"{owner}: {rows}": self.ask(owner, f"SELECT count(*) FROM {rows}")[0][0]
            for owner in ON_POSTGRESQL
            for rows in [*UNDER_WAY[owner], *PASSING_THROUGH]
        }
        counts["product: outbox"] = self._mongo["product"]["messaging_outboxmessage"].count_documents(
            {"sent_at": None}
        )
        counts["basket: parked"] = sum(1 for _ in self._baskets.scan_iter("parked:*"))
        return {rows: count for rows, count in counts.items() if count}

    @contextlib.contextmanager
    def nothing_changes(self, *apart_from: str) -> Iterator[None]:
        """Fails when anything in any store is different at the end, apart from what begins like one of these."""
        before = self.state()
        yield
        after = self.state()
        different = {
            name: (before.get(name), after.get(name))
            for name in before | after
            if before.get(name) != after.get(name) and not name.startswith(apart_from)
        }
        assert not different, f"changed: {different}"

    def _catalogue(self) -> State:
        product = self._mongo["product"]
        found = {f"product: {name}": _digest(list(product[name].find().sort("_id"))) for name in CATALOGUE}
        newest = list(product["messaging_outboxmessage"].find({}, {"_id": 1}).sort("_id", -1).limit(1))
        return found | {"product: messages sent": str(newest)}

    def _all_baskets(self) -> State:
        return {
            f"basket: {key.decode()}": repr(self._baskets.dump(key))
            for key in self._baskets.scan_iter("basket:*")
            if not key.endswith(b":auth:jwks")
        }


def _database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


def _digest(documents: list[dict[str, Any]]) -> str:
    text = json.dumps(documents, default=str, sort_keys=True)
    return f"{len(documents)} documents, {hashlib.md5(text.encode()).hexdigest()}"
