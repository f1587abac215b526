"""Who changed a level: from the API, the admin, a file and a command alike."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from apps.stock.demo import demo_quantity
from apps.stock.models import Movement, StockItem
from shared.contracts import CommitStock, ProductCreated, ReserveStock
from shared.history.models import Change
from shared.messaging.models import OutboxMessage
from tests.stock.builders import command, deliver, level, order, product, put, told

pytestmark = pytest.mark.django_db

LEVELS = "/admin/stock/stockitem/"
KEY = "5b9ec5a4-7a4a-4c3c-9f43-3f9d2a3f5a11"


@pytest.fixture
def lamp(db: None) -> str:
    """The API's address of fifty lamps."""
    deliver([told(ProductCreated, "lamp")])
    put(lamp=50)
    return f"/api/stock/{product('lamp')}/"


def history() -> list[tuple[str, str, str, list[int], str]]:
    """What is written down of the lamps since they were put there, oldest first."""
    found = Change.objects.filter(model="stockitem", object_id=product("lamp")).order_by("id")[1:]
    return [(c.actor_name, c.source, c.action, c.differences["on_hand"], c.reason) for c in found]


def send(client: Client, step: str, **values: Any) -> None:
    """A form of the level's page."""
    client.post(f"{LEVELS}{product('lamp')}/do/{step}/", values)


def test_from_the_api_and_from_the_admin(mia: Client, manager_client: APIClient, lamp: str) -> None:
    """Red without `record` in `operations._move`."""
    manager_client.put(lamp, {"on_hand": 40})
    manager_client.post(f"{lamp}adjustments/", {"delta": -3, "reason": "broken"})
    send(mia, "set", on_hand=30, seen=37)
    send(mia, "adjust", delta=2, reason="found", key=KEY)
    assert history() == [
        ("mia", "api", "set", [50, 40], ""),
        ("mia", "api", "adjusted", [40, 37], "broken"),
        ("mia", "admin", "set", [37, 30], ""),
        ("mia", "admin", "adjusted", [30, 32], "found"),
    ]
    page = mia.get(f"{LEVELS}{product('lamp')}/history/").content.decode()
    places = [page.index(text) for text in ("found", "<ins>30</ins>", "broken", "<ins>40</ins>")]
    assert places == sorted(places)
    assert f"{LEVELS}{product('lamp')}/history/" in mia.get("/admin/stock/change/").content.decode()


def test_what_is_repeated_has_one_line(mia: Client, manager_client: APIClient, lamp: str) -> None:
    """Red when `_adjust` records what was done before, or `set_on_hand` that nothing changed."""
    for _ in range(3):
        manager_client.put(lamp, {"on_hand": 40})
        body = {"delta": -3, "reason": "broken"}
        manager_client.post(f"{lamp}adjustments/", body, headers={"Idempotency-Key": "once"})
        send(mia, "adjust", delta=3, reason="found", key=KEY)
    assert [line[2] for line in history()] == ["set", "adjusted", "adjusted"]


def test_what_is_refused_has_none(mia: Client, manager_client: APIClient, lamp: str) -> None:
    deliver([command(ReserveStock, order(), lamp=10)])
    assert manager_client.put(lamp, {"on_hand": 9}).status_code == 409
    assert manager_client.put(lamp, {"on_hand": 20}, headers={"If-Match": '"0"'}).status_code == 412
    send(mia, "adjust", delta=-41, reason="lost", key=KEY)
    send(mia, "set", on_hand=20, seen=49)
    assert history() == []


def test_no_change_without_its_line(manager_client: APIClient, lamp: str) -> None:
    """The level, its movement and its event stand or fall with it. Red when `record` fails quietly."""
    movements, events = Movement.objects.count(), OutboxMessage.objects.count()
    with connection.cursor() as cursor:  # the transaction of the test takes it back
        cursor.execute("ALTER TABLE history_change ADD CONSTRAINT is_full CHECK (false) NOT VALID")
    for path, method, body in (
        (lamp, manager_client.put, {"on_hand": 40}),
        (f"{lamp}adjustments/", manager_client.post, {"delta": -3, "reason": "broken"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            method(path, body)
    assert level("lamp") == (50, 0)
    assert (Movement.objects.count(), OutboxMessage.objects.count()) == (movements, events)


def test_what_customers_buy_is_in_the_ledger_alone(lamp: str) -> None:
    deliver([command(ReserveStock, order(), lamp=10), command(CommitStock, order(), lamp=10)])
    assert level("lamp") == (40, 0)
    assert history() == []


def test_the_demonstration_is_a_commands(mia: Client) -> None:
    """Red without `acting` in the command: the platform would have done it."""
    deliver([told(ProductCreated, name) for name in ("lamp", "chair")])
    for _ in range(2):
        call_command("load_demo_stock", verbosity=0)
    names = Change.objects.values_list("object_name", "actor_name", "source", "differences")
    assert sorted(names, key=str) == [
        (item.name, "load_demo_stock", "command", {"on_hand": [0, demo_quantity(item.pk)]})
        for item in StockItem.objects.order_by("name")
    ]
    page = mia.get(f"{LEVELS}{product('lamp')}/history/").content.decode()
    assert "the command load_demo_stock" in page
