"""A stock item for every product that the product service tells of, and the stock it starts with."""

import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from apps.stock.demo import DEMO_STOCK
from apps.stock.models import Movement, StockItem
from apps.stock.queries import violations
from shared.contracts import ProductArchived, ProductCreated, ProductEvent, ProductUpdated, StockLevelChanged
from tests.stock.builders import deliver, level, product, put, said_since, told

pytestmark = pytest.mark.django_db


class Printed(io.StringIO):
    """What a command prints, and when it begins to."""

    def __init__(self) -> None:
        super().__init__()
        self.begins = threading.Event()

    def write(self, text: str) -> int:
        self.begins.set()
        return super().write(text)


def load(*arguments: str, out: io.StringIO | None = None) -> str:
    """What `load_demo_stock` prints."""
    out = out or io.StringIO()
    call_command("load_demo_stock", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("kind", [ProductCreated, ProductUpdated, ProductArchived])
def test_whatever_is_told_first_makes_an_item(kind: type[ProductEvent]) -> None:
    """Topics are compacted: the newest event may be the only one that is left."""
    assert deliver([told(kind, "a")]) == []
    assert level("a") == (0, 0)


def test_what_is_there_stays_as_it_is() -> None:
    put(a=7)

    deliver([told(kind, "a", 2) for kind in (ProductUpdated, ProductCreated, ProductArchived)])

    assert level("a") == (7, 0)


def test_an_item_that_the_release_before_made_is_named_when_its_product_is_told_of_again() -> None:
    """That release writes no name, and the version that it wrote is the newest that there is."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO stock_stockitem (product_id, on_hand, reserved, version, is_active, product_version,"
            " created_at, updated_at) VALUES (%s, 3, 0, 1, true, 5, now(), now())",
            [product("a")],
        )
    assert StockItem.objects.get().name == ""

    deliver([told(ProductUpdated, "a", 4)])
    assert StockItem.objects.get().name == ""

    deliver([told(ProductUpdated, "a", 5)])
    item = StockItem.objects.get()
    assert (item.name, item.product_version, item.on_hand, item.version) == ("a", 5, 3, 1)


def test_demo_stock_is_given_once() -> None:
    deliver([told(ProductCreated, name) for name in "abc"])
    put(a=7)

    assert load() == "2 products were given stock.\n"
    levels = {name: level(name) for name in "abc"}
    assert load() == "0 products were given stock.\n"

    assert {name: level(name) for name in "abc"} == levels
    assert levels["a"] == (7, 0)
    assert all(levels[name][0] in DEMO_STOCK for name in "bc")
    assert set(Movement.objects.exclude(product_id=product("a")).values_list("kind", flat=True)) == {
        "initial"
    }
    assert violations() == []


def test_what_was_sold_out_is_not_filled_again() -> None:
    put(a=1)
    put(a=0)

    assert load() == "0 products were given stock.\n"


def test_more_products_than_fit_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.stock.demo.DEMO_BATCH", 4)
    deliver([told(ProductCreated, f"p{number}") for number in range(10)])

    assert load() == "10 products were given stock.\n"
    assert not StockItem.objects.filter(on_hand=0).exists()


def test_the_level_is_told() -> None:
    deliver([told(ProductCreated, "a")])
    load()

    (event,) = said_since(0)
    assert isinstance(event, StockLevelChanged)
    assert (event.product_id, event.on_hand) == (product("a"), level("a")[0])


def test_products_that_never_come_are_an_error_that_says_what_to_do() -> None:
    deliver([told(ProductCreated, "a")])

    with pytest.raises(CommandError, match=r"Only 1 of 2 .* stock-consumer"):
        load("--expect", "2", "--timeout", "0.2")
    assert level("a") == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_products_that_are_still_on_their_way_are_waited_for() -> None:
    out = Printed()

    def arrive() -> None:
        assert out.begins.wait(60)
        deliver([told(ProductCreated, name) for name in "ab"])
        connections.close_all()

    thread = threading.Thread(target=arrive)
    thread.start()
    printed = load("--expect", "2", "--timeout", "60", out=out)
    thread.join()

    assert printed.splitlines()[0].startswith("0 of 2")
    assert printed.endswith("2 products were given stock.\n")


def test_the_invariants_are_printed_as_json() -> None:
    put(a=3)
    out = io.StringIO()
    call_command("invariants", stdout=out)
    assert json.loads(out.getvalue()) == {"violations": []}

    StockItem.objects.update(on_hand=4)
    out = io.StringIO()
    call_command("invariants", stdout=out)
    (violation,) = json.loads(out.getvalue())["violations"]
    assert violation["rows"] == [{"product_id": product("a"), "on_hand": "4", "ledger": "3"}]
