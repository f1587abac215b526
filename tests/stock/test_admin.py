"""Levels, the ledger and reservations in the back office."""

import csv
import re
from collections.abc import Iterable
from random import randrange
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.db.models import QuerySet
from django.test import Client

from apps.stock import counts, levels
from apps.stock.levels import LockedLevels
from apps.stock.models import Movement, StockItem
from apps.stock.queries import violations
from shared.admin.spreadsheets import MOST_BYTES
from shared.contracts import CommitStock, ProductArchived, ProductCreated, ReserveStock
from shared.history.models import Change
from shared.messaging.models import OutboxMessage
from shared.testing.tokens import ALICE, MIA, make_token
from tests.stock.builders import command, deliver, level, order, product, put, told

pytestmark = pytest.mark.django_db

LEVELS, MOVEMENTS, RESERVATIONS = (
    f"/admin/stock/{model}/" for model in ("stockitem", "movement", "reservation")
)
COUNT = f"{LEVELS}count/"
HOSTILE = "<script>alert(1)</script>"
KEY = "5b9ec5a4-7a4a-4c3c-9f43-3f9d2a3f5a11"


def page_of(name: str) -> str:
    """Where the level of a product is."""
    return f"{LEVELS}{product(name)}/change/"


@pytest.fixture
def goods(db: None) -> None:
    """Plenty of lamps, four chairs of which one is promised, no ink, and a desk that is not sold any more."""
    deliver([told(ProductCreated, name) for name in ("lamp", "chair", "ink", "desk")])
    deliver([told(ProductArchived, "desk", 2)])
    put(lamp=50, chair=4)
    deliver([command(ReserveStock, order(), chair=1)])


def by_mia() -> QuerySet[Change]:
    """What is written down of what she did in the admin."""
    return Change.objects.filter(actor_id=MIA, source="admin")


def history_of(client: Client, name: str) -> str:
    """The History page of a level."""
    return client.get(f"{LEVELS}{product(name)}/history/").content.decode()


def send(client: Client, name: str, step: str, **values: Any) -> str:
    """The page after a form of a level was sent."""
    return client.post(f"{LEVELS}{product(name)}/do/{step}/", values, follow=True).content.decode()


def upload(client: Client, *lines: str, content: bytes = b"") -> str:
    """The page after a file was sent."""
    file = SimpleUploadedFile("count.csv", content or "\n".join(lines).encode())
    return client.post(COUNT, {"file": file}).content.decode()


def agreement_in(page: str) -> str:
    """What the dry run's form carries."""
    found = re.search(r'name="agreement" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_only_managers(trusted_realm: None, goods: None) -> None:
    customer = Client(headers={"authorization": f"Bearer {make_token(ALICE)}"})
    for address in (
        "/admin/stock/",
        LEVELS,
        page_of("lamp"),
        COUNT,
        MOVEMENTS,
        RESERVATIONS,
        "/admin/stock/figures/",
    ):
        assert (Client().get(address).status_code, customer.get(address).status_code) == (401, 403), address
    for step in ("set", "adjust"):
        body = {"on_hand": 1, "seen": 50, "delta": 1, "reason": "x", "key": KEY}
        assert customer.post(f"{LEVELS}{product('lamp')}/do/{step}/", body).status_code == 403
    assert customer.post(COUNT, {"agreement": "x"}).status_code == 403
    assert level("lamp") == (50, 0)
    assert not User.objects.exists()


class TestLevels:
    def test_low_ones_come_first_and_archived_ones_last(self, mia: Client, goods: None) -> None:
        page = mia.get(LEVELS).content.decode()
        places = [page.index(f">{name}<") for name in ("ink", "chair", "lamp", "desk")]
        assert places == sorted(places)
        row = page[places[1] : places[2]]
        cells = [
            re.search(rf'field-{name}">(?:<span[^>]*>)?([0-9]*)', row)
            for name in ("on_hand", "reserved", "left")
        ]
        assert [cell and cell[1] for cell in cells] == ["4", "1", "3"]

    @pytest.mark.parametrize(
        ("chosen", "shown"), [("low", {"ink", "chair"}), ("sold-out", {"ink"}), ("archived", {"desk"})]
    )
    def test_what_is_filtered(self, mia: Client, goods: None, chosen: str, shown: set[str]) -> None:
        page = mia.get(LEVELS, {"level": chosen}).content.decode()
        assert {name for name in ("lamp", "chair", "ink", "desk") if f">{name}<" in page} == shown

    def test_the_first_page_of_the_back_office_counts_what_is_low(self, mia: Client, goods: None) -> None:
        """As its two lists show. Red where an archived product counts."""
        figures = mia.get("/admin/stock/figures/").json()
        assert {name: each["count"] for name, each in figures.items()} == {"low": 2, "sold-out": 1}

    @pytest.mark.parametrize("term", ["amp", "LAMP", product("lamp"), f" {product('lamp')} "])
    def test_what_is_searched(self, mia: Client, goods: None, term: str) -> None:
        page = mia.get(LEVELS, {"q": term}).content.decode()
        assert [f">{name}<" in page for name in ("lamp", "chair")] == [True, False]

    def test_one_without_a_name_is_found_by_its_id(self, mia: Client) -> None:
        put(a=1)
        page = mia.get(LEVELS, {"q": product("a")}).content.decode()
        assert "(no name yet)" in page

    @pytest.mark.parametrize("id", ["0" * 24, "nonsense", "%00"])
    def test_one_that_there_is_not(self, mia: Client, id: str) -> None:
        assert mia.get(f"{LEVELS}{id}/change/").status_code == 302
        assert mia.post(f"{LEVELS}{'0' * 24}/do/set/", {"on_hand": 1, "seen": 0}).status_code == 302

    def test_one_shows_where_it_comes_from(self, mia: Client, goods: None) -> None:
        deliver([command(CommitStock, order())])
        page = mia.get(page_of("chair")).content.decode()
        assert f"/admin/order/order/{order()}/change/" in page
        assert f"/admin/product/product/{product('chair')}/change/" in page
        assert "+4" in page
        assert "-1" in page
        assert not re.search(r'name="_save"|name="_continue"', page)


class TestForms:
    def test_a_count_sets_the_level(self, mia: Client, goods: None) -> None:
        page = send(mia, "lamp", "set", on_hand=12, seen=50)
        assert "Lamp: on hand 50 → 12." in page
        assert level("lamp") == (12, 0)
        movement = Movement.objects.latest("id")
        assert (movement.kind, movement.delta, movement.actor) == ("set", -38, MIA)
        assert "on hand: <del>50</del> → <ins>12</ins>" in history_of(mia, "lamp")
        assert OutboxMessage.objects.latest("id").key == product("lamp")

    def test_a_count_of_what_somebody_else_changed_meanwhile_is_told(self, mia: Client, goods: None) -> None:
        page = send(mia, "lamp", "set", on_hand=12, seen=49)
        assert "50 are on hand by now, not 49" in page
        assert level("lamp") == (50, 0)

    def test_never_below_what_is_reserved(self, mia: Client, goods: None) -> None:
        for page in (
            send(mia, "chair", "set", on_hand=0, seen=4),
            send(mia, "chair", "adjust", delta=-4, reason="Broken", key=KEY),
        ):
            assert "orders hold 1 of them" in page
        assert level("chair") == (4, 1)
        assert not by_mia().exists()
        assert violations() == []

    def test_what_was_typed_is_still_there_after_an_error(self, mia: Client, goods: None) -> None:
        page = send(mia, "chair", "adjust", delta=-9, reason='Fell off "the" shelf', key=KEY)
        assert 'value="-9"' in page
        assert "Fell off &quot;the&quot; shelf" in page

    def test_an_adjustment_has_a_reason(self, mia: Client, goods: None) -> None:
        page = send(mia, "lamp", "adjust", delta=-2, reason="Broken in the warehouse", key=KEY)
        assert "Lamp: on hand -2: Broken in the warehouse." in page
        movement = Movement.objects.latest("id")
        assert (movement.kind, movement.delta, movement.reason, movement.actor) == (
            "adjustment",
            -2,
            "Broken in the warehouse",
            MIA,
        )
        assert by_mia().get().reason == "Broken in the warehouse"
        for step, values in (("adjust", {"delta": 1, "reason": " ", "key": KEY}), ("set", {"seen": 48})):
            assert "This field is required." in send(mia, "lamp", step, **values)
        assert level("lamp") == (48, 0)

    @pytest.mark.parametrize("delta", ["0", "1.5", "x", "", "9" * 30, "1000000001"])
    def test_what_is_no_change(self, mia: Client, goods: None, delta: str) -> None:
        page = send(mia, "lamp", "adjust", delta=delta, reason="found", key=KEY)
        assert 'class="error"' in page
        assert level("lamp") == (50, 0)

    @pytest.mark.parametrize("on_hand", ["-1", "1.5", "x", "", "1000000001"])
    def test_what_is_no_count(self, mia: Client, goods: None, on_hand: str) -> None:
        assert 'class="error"' in send(mia, "lamp", "set", on_hand=on_hand, seen=50)
        assert level("lamp") == (50, 0)

    def test_a_form_that_is_sent_twice_counts_once(self, mia: Client, goods: None) -> None:
        for _ in range(2):
            send(mia, "lamp", "adjust", delta=-2, reason="Broken", key=KEY)
        assert level("lamp") == (48, 0)
        assert "was sent before, with other values" in send(
            mia, "lamp", "adjust", delta=-3, reason="Broken", key=KEY
        )
        assert level("lamp") == (48, 0)

    def test_each_page_has_a_form_of_its_own(self, mia: Client, goods: None) -> None:
        pages = [mia.get(page_of("lamp")).content.decode() for _ in range(2)]
        keys = [re.search(r'name="key" value="([^"]+)"', page) for page in pages]
        assert len({key and key[1] for key in keys}) == 2

    def test_looking_changes_nothing(self, mia: Client, goods: None) -> None:
        for step in ("set", "adjust"):
            assert mia.get(f"{LEVELS}{product('lamp')}/do/{step}/")["Location"] == page_of("lamp")
        assert mia.post(page_of("lamp"), {"on_hand": 1}).status_code == 403
        assert mia.post(f"{LEVELS}{product('lamp')}/delete/", {"post": "yes"}).status_code == 403


class TestCount:
    def test_it_is_looked_at_first_and_then_carried_out(self, mia: Client, goods: None) -> None:
        before = OutboxMessage.objects.count()
        page = upload(
            mia,
            "product_id,on_hand",
            f"{product('lamp')},48",
            f"{product('chair')},4",
            f"{product('ink')},20",
        )
        assert "2 levels would change, 1 would stay as it is, 0 rows cannot be used" in page
        assert "-2" in page
        assert "+20" in page
        assert (level("lamp"), level("ink")) == ((50, 0), (0, 0))
        assert OutboxMessage.objects.count() == before

        page = mia.post(COUNT, {"agreement": agreement_in(page)}, follow=True).content.decode()

        assert "2 levels set." in page
        assert (level("lamp"), level("ink"), level("chair")) == ((48, 0), (20, 0), (4, 1))
        moved = Movement.objects.filter(actor=MIA).values_list("kind", "delta")
        assert sorted(moved) == [("set", -2), ("set", 20)]
        assert OutboxMessage.objects.count() == before + 2
        assert {(line.object_id, *line.differences["on_hand"], line.reason) for line in by_mia()} == {
            (product("lamp"), 50, 48, "a count from a file"),
            (product("ink"), 0, 20, "a count from a file"),
        }
        assert violations() == []

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            (f"{'0' * 24},1", "No product with this id"),
            ("lamp,1", "24 lower-case hexadecimal digits"),
            (f"{product('lamp')},-1", "whole number from 0"),
            (f"{product('lamp')},1.5", "whole number from 0"),
            (f"{product('lamp')},", "whole number from 0"),
            (f"{product('lamp')}", "whole number from 0"),
            (f"{product('lamp')},1000000001", "whole number from 0"),
            (f"{product('lamp')},{'9' * 5000}", "whole number from 0"),
            (f"{product('lamp')},٣", "whole number from 0"),
            (f"{product('chair')},0", "Orders hold 1"),
            (f"{product('ink')},7", "stands in 2 rows"),
            (f"{product('lamp')[:-1]}\0,1", "24 lower-case hexadecimal digits"),
            (f"{HOSTILE},{HOSTILE}", "24 lower-case hexadecimal digits"),
        ],
    )
    def test_a_bad_row_is_named_and_left_out(self, mia: Client, goods: None, row: str, why: str) -> None:
        rows = [f"{product('ink')},7", f"{product('desk')},3", row]
        page = upload(mia, "product_id,on_hand", *rows)
        assert why in page
        assert HOSTILE not in page
        mia.post(COUNT, {"agreement": agreement_in(page)})
        assert level("desk") == (3, 0)
        assert level("ink")[0] == (0 if "ink" in why or "2 rows" in why else 7)
        assert (level("lamp"), level("chair")) == ((50, 0), (4, 1))

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "empty"),
            (b"product_id,on_hand\n", "no rows"),
            (b"product,count\na,1\n", "must name each of these columns once: product_id, on_hand"),
            (b"product_id,on_hand,on_hand\na,1,2\n", "once: on_hand"),
            (b"product_id,on_hand\n\xff\xfe,1\n", "not UTF-8"),
            (b'product_id,on_hand\n"' + b"a" * 140_000 + b'",1\n', "not CSV"),
            (b"product_id,on_hand\n" + b"a,1\n" * 2001, "2,000 is the most"),
            (b"x" * 600_000, "too large"),
        ],
    )
    def test_a_file_that_is_none(self, mia: Client, goods: None, content: bytes, why: str) -> None:
        file = SimpleUploadedFile("count.csv", content)
        page = mia.post(COUNT, {"file": file}).content.decode()
        assert why in page
        assert 'name="agreement"' not in page

    def test_what_spreadsheets_write_is_understood(self, mia: Client, goods: None) -> None:
        content = f"\ufeffName;On_Hand;Product_ID\r\nLamp;47;{product('lamp')}\r\n;;\r\n".encode()
        assert "1 level would change" in upload(mia, content=content)

    def test_what_changed_since_it_was_shown_is_left_alone(self, mia: Client, goods: None) -> None:
        page = upload(mia, "product_id,on_hand", f"{product('lamp')},48", f"{product('ink')},20")
        put(lamp=49)
        page = mia.post(COUNT, {"agreement": agreement_in(page)}, follow=True).content.decode()
        assert "1 level set." in page
        assert "1 row could not be carried out" in page
        assert "49 are on hand by now, not 50" in page
        assert (level("lamp"), level("ink")) == ((49, 0), (20, 0))

    def test_a_store_that_goes_away_ends_it_and_what_was_done_is_told(
        self, mia: Client, goods: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = upload(mia, "product_id,on_hand", *(f"{product(name)},9" for name in ("lamp", "ink", "desk")))
        locked = levels.lock

        def away(product_ids: Iterable[str]) -> LockedLevels:
            if product("ink") in product_ids:
                raise OperationalError("no database")
            return locked(product_ids)

        monkeypatch.setattr(levels, "lock", away)
        page = mia.post(COUNT, {"agreement": agreement_in(page)}, follow=True).content.decode()
        assert "1 level set." in page
        assert "2 rows could not be carried out" in page
        assert (level("lamp"), level("ink"), level("desk")) == ((9, 0), (0, 0), (0, 0))
        assert by_mia().get().object_id == product("lamp")

    def test_nothing_is_carried_out_that_was_not_shown(self, mia: Client, goods: None) -> None:
        for agreement in ("", "nonsense", "[[2, 3]]"):
            page = mia.post(COUNT, {"agreement": agreement}).content.decode()
            assert "send the file again" in page

    def test_many_rows_with_three_bad_ones(self, mia: Client) -> None:
        names = [f"p{number}" for number in range(100)]
        deliver([told(ProductCreated, name) for name in names[3:]])
        page = upload(mia, "product_id,on_hand", *(f"{product(name)},9" for name in names))
        assert "97 levels would change, 0 would stay as they are, 3 rows cannot be used" in page
        page = mia.post(COUNT, {"agreement": agreement_in(page)}, follow=True).content.decode()
        assert "97 levels set." in page
        assert StockItem.objects.filter(on_hand=9).count() == by_mia().count() == 97

    def test_what_is_agreed_to_gets_through_the_front_door(self) -> None:
        rows = [
            counts.Row(number, f"{randrange(16**24):024x}", randrange(10**9), randrange(10**9), "x" * 200)
            for number in range(counts.MOST)
        ]
        agreement = counts.agreement(rows)
        assert len(agreement) < MOST_BYTES / 2
        assert [(row.line, row.counted, row.change) for row in counts.agreed(agreement)] == [
            (row.line, row.counted, row.change) for row in rows
        ]

    def test_what_was_agreed_to_yesterday_is_shown_anew(
        self, mia: Client, goods: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = upload(mia, "product_id,on_hand", f"{product('lamp')},48")
        monkeypatch.setattr(counts, "AGREED_FOR", -1)
        assert "send the file again" in mia.post(COUNT, {"agreement": agreement_in(page)}).content.decode()
        assert level("lamp") == (50, 0)


def test_an_export_runs_nothing_and_comes_back(mia: Client, goods: None) -> None:
    names = [
        '=HYPERLINK("http://evil")',
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "＝1",
        "＋1",
        "－1",
        "＠1",
        'a;=1+1,"b"',
    ]
    for number, name in enumerate(names):
        StockItem.objects.create(product_id=f"{number:024}", name=name)
    chosen = {"action": "export_selected", "select_across": "1", "_selected_action": [product("lamp")]}
    answer = mia.post(LEVELS, chosen)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    content = b"".join(answer).decode()
    rows = {row["product_id"]: row for row in csv.DictReader(content.splitlines(keepends=True))}
    assert rows[product("chair")] == {
        "product_id": product("chair"),
        "name": "chair",
        "on_hand": "4",
        "reserved": "1",
        "available": "3",
        "is_sold": "yes",
    }
    assert [rows[f"{number:024}"]["name"] for number in range(10)] == [f"'{name}" for name in names[:10]]
    assert not re.search(r'(^|,)"?[=+\-@\t\r＝＋－＠]', content, re.MULTILINE)
    assert "0 levels would change" in upload(mia, content=content.encode())


def test_a_row_with_more_cells_than_the_first_line_is_refused(mia: Client, goods: None) -> None:
    """Red where 1,234 without quotes is read as 1. Cells that are empty are a spreadsheet's habit, and no harm."""
    page = upload(mia, "product_id,on_hand", "", f"{product('chair')},7,,", f"{product('lamp')},1,234")
    assert "Line 4 has more cells" in page
    assert "1 level would change" in upload(mia, "product_id,on_hand", f"{product('lamp')},7,,")


def test_a_row_is_where_an_editor_has_it(mia: Client, goods: None) -> None:
    """Red where rows are counted: a cell with line breaks moves every number after it."""
    page = upload(mia, "name,product_id,on_hand", f'"a\nb\nc",{product("lamp")},7', "x,nonsense,7", "y,,,9")
    assert "Line 6 has more cells" in page
    page = upload(mia, "name,product_id,on_hand", f'"a\nb\nc",{product("lamp")},7', "x,nonsense,7")
    assert re.search(r"<td[^>]*>\s*5\b", page)


class TestLedgerAndReservations:
    def test_the_ledger(self, mia: Client, goods: None) -> None:
        deliver([command(CommitStock, order())])
        send(mia, "lamp", "adjust", delta=-2, reason="Broken", key=KEY)
        page = mia.get(MOVEMENTS).content.decode()
        assert f'<a href="/admin/order/order/{order()}/change/">' in page
        assert f'<a href="{page_of("lamp")}">lamp</a>' in page
        assert ">mia<" in page
        for term, found in (
            (product("lamp"), "Broken"),
            ("LAM", "Broken"),
            (MIA, "Broken"),
            (str(order()), str(order())),
        ):
            page = mia.get(MOVEMENTS, {"q": term}).content.decode()
            assert found in page, term
            assert ("Broken" in page) == (found == "Broken"), term
        assert mia.get(MOVEMENTS, {"q": str(uuid4())}).content.decode().count("Broken") == 0
        movement = Movement.objects.latest("id")
        assert "Broken" in mia.get(f"{MOVEMENTS}{movement.pk}/change/").content.decode()

    def test_reservations(self, mia: Client, goods: None) -> None:
        deliver([command(ReserveStock, order(2), lamp=7)])
        page = mia.get(RESERVATIONS).content.decode()
        assert f'<a href="/admin/order/order/{order()}/change/">' in page
        for term in (product("lamp"), str(order(2))):
            page = mia.get(RESERVATIONS, {"q": term, "state__exact": "held"}).content.decode()
            assert [str(order(number)) in page for number in (1, 2)] == [False, True]
        assert str(order()) not in mia.get(RESERVATIONS, {"q": "x' OR 1=1"}).content.decode()
        page = mia.get(f"{RESERVATIONS}{order(2)}/change/").content.decode()
        assert f'<td class="number">7<td><a href="{page_of("lamp")}">lamp</a>' in page

    def test_nothing_is_written_there(self, mia: Client, goods: None) -> None:
        movement = Movement.objects.latest("id")
        for address in (
            f"{MOVEMENTS}{movement.pk}/",
            f"{RESERVATIONS}{order()}/",
            f"{LEVELS}{product('ink')}/",
        ):
            assert mia.post(f"{address}change/", {"delta": 1}).status_code == 403
            assert mia.post(f"{address}delete/", {"post": "yes"}).status_code == 403
        for address in (MOVEMENTS, RESERVATIONS, LEVELS):
            assert mia.get(f"{address}add/").status_code == 403


def test_names_and_reasons_are_only_text(mia: Client, goods: None) -> None:
    StockItem.objects.update(name=HOSTILE)
    put(lamp=40)
    page = send(mia, "lamp", "adjust", delta=1, reason=HOSTILE, key=KEY)
    assert HOSTILE not in page
    send(mia, "lamp", "adjust", delta=-900, reason=HOSTILE, key=str(uuid4()))
    deliver([command(ReserveStock, order(2), lamp=7)])
    count = upload(mia, "product_id,on_hand", f"{product('lamp')},48", f"{product('chair')},0")
    assert HOSTILE not in count
    assert "&lt;script&gt;" in count
    movement = Movement.objects.latest("id")
    for address in (
        "/admin/stock/",
        LEVELS,
        page_of("lamp"),
        f"{LEVELS}{product('lamp')}/history/",
        MOVEMENTS,
        f"{MOVEMENTS}{movement.pk}/change/",
        RESERVATIONS,
        f"{RESERVATIONS}{order(2)}/change/",
    ):
        assert HOSTILE not in mia.get(address).content.decode(), address
