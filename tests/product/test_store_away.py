"""MongoDB killed or frozen: clients hear 503 within five seconds, and nothing has to be restarted afterwards."""

import time
from typing import TYPE_CHECKING

import pytest

from apps.product.mongodb import DEADLINE
from tests.product.commands import outbox

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeProduct
    from tests.product.mongod import Mongod

HURRY = 1.0  # seconds: a deadline so short that nothing else ends a request as early
WAIT_SECONDS = (
    9.0  # seconds: three of them, and what a busy machine adds; without a deadline one takes fourteen
)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_store_that_is_away(
    own_mongod: "Mongod",
    anonymous_client: "APIClient",
    manager_client: "APIClient",
    make_product: "MakeProduct",
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    assert DEADLINE < 5  # docs/promises.md
    address = f"/api/products/{make_product().pk}/"
    assert anonymous_client.get("/api/products/").status_code == 200
    own_mongod.kill() if how == "killed" else own_mongod.freeze()
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", HURRY)
    for method, place in (("get", "/api/products/"), ("patch", address), ("post", "/api/categories/")):
        started = time.monotonic()
        response = getattr(manager_client, method)(place, {"name": "New"})
        assert time.monotonic() - started < WAIT_SECONDS, (method, place)
        assert response.status_code == 503
        assert response["Retry-After"]
        assert response.json()["type"].endswith("/problems/store-unavailable")
    assert anonymous_client.get("/health/live").status_code == 200
    ready = anonymous_client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "unavailable"})

    own_mongod.start() if how == "killed" else own_mongod.thaw()
    monkeypatch.setattr("apps.product.mongodb.DEADLINE", 60.0)
    assert _eventually_ready(anonymous_client)
    changed = manager_client.patch(address, {"name": "After"})
    assert changed.status_code == 200
    assert anonymous_client.get("/api/products/").json()["results"] == [changed.json()]
    assert [data["version"] for _, data in outbox()] == list(range(1, changed.json()["version"] + 1))


def _eventually_ready(client: "APIClient") -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if client.get("/health/ready").status_code == 200:
            return True
        time.sleep(0.2)
    return False
