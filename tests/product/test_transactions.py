"""A write and its event stand or fall together, and writers who meet try again."""

import contextlib
import io
import threading
import time
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure

from tests.product.commands import outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.client_session import ClientSession

    from tests.product.conftest import MakeCategory, MakeProduct


def all_at_once(works: "list[Callable[[], object]]") -> list[BaseException]:
    """Do every one of `works` in a thread of its own, at the same moment; returns what they raised."""
    start, raised = threading.Barrier(len(works)), []

    def run(work: "Callable[[], object]") -> None:
        start.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test looks at each
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.fixture
def crowd(no_hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not wait for each other's turn, as if each were a process of its own."""
    from apps.product import transactions

    monkeypatch.setattr(transactions, "TURN", threading.Semaphore(100))


def test_everything_can_be_announced_again_as_it_is(
    make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a copy that missed an event: in pieces, archived products as well, and no version is a new one."""
    from django.core.management import call_command

    from apps.product import operations
    from shared.messaging.models import OutboxMessage

    monkeypatch.setattr(operations, "AT_ONCE", 2)
    products = [make_product(f"No. {number}") for number in range(3)]
    operations.archive_product(str(products[1].pk))
    OutboxMessage.objects.all().delete()

    call_command("announce_products", stdout=io.StringIO())

    assert {data["product_id"]: (kind, data["is_active"], data["version"]) for kind, data in outbox()} == {
        str(products[0].pk): ("product.updated.v1", True, 1),
        str(products[1].pk): ("product.archived.v1", False, 2),
        str(products[2].pk): ("product.updated.v1", True, 1),
    }


def test_an_event_that_cannot_be_written_takes_the_document_with_it(make_product: "MakeProduct") -> None:
    from apps.product import queries
    from apps.product.models import Product
    from shared.messaging.models import OutboxMessage

    make_product("First")
    revision = queries.revision()
    # The next number is taken: the outbox refuses the message after the document was written.
    last: Any = OutboxMessage.objects.get().pk
    taken: Any = ObjectId((int.from_bytes(last.binary, "big") + 1).to_bytes(12, "big"))
    OutboxMessage.objects.create(pk=taken, message_id="0" * 32, topic="t", key="k", headers={}, payload="")
    with pytest.raises(Exception, match="Others are changing"):
        make_product("Second")
    assert [product.name for product in Product.objects.all()] == ["First"]
    assert queries.revision() == revision


def test_what_was_committed_is_on_the_disk_of_most_members(make_product: "MakeProduct") -> None:
    """Red without `w: majority` or `journal`: a failover or a crash would take back what a manager was told."""
    from shared.messaging.mongodb import MongoOutbox
    from tests.product.conftest import LOG

    with LOG.recording():
        make_product()
    assert LOG.concerns == [{"w": "majority", "j": True}]
    # What the relay has sent is marked by a client of its own.
    relays = MongoOutbox()
    assert relays._database.write_concern.document == {"w": "majority", "j": True}
    relays.reconnect()


def test_who_was_killed_in_a_transaction_keeps_the_catalogue_for_seconds(make_product: "MakeProduct") -> None:
    """MongoDB does not notice that a client is gone. Red without `transactionLifetimeLimitSeconds`: it is a minute."""
    from apps.product.errors import Contended
    from apps.product.models import Product, Revision
    from apps.product.mongodb import mongo

    make_product("Before")
    client = mongo.connection
    with client.start_session() as killed:
        killed.start_transaction()
        mongo.database[Revision._meta.db_table].update_one(
            {}, {"$set": {"token": ObjectId()}}, session=killed
        )
        until = time.monotonic() + 40
        while Product.objects.count() < 2:
            with contextlib.suppress(Contended):
                make_product("After")
            assert time.monotonic() < until, "nobody could change the catalogue for 40 seconds"


def test_a_document_that_cannot_be_written_takes_its_event_with_it(make_product: "MakeProduct") -> None:
    from apps.product import operations
    from apps.product.models import Product
    from apps.product.transactions import in_transaction

    @in_transaction
    def first_one_thing_then_a_mistake() -> None:
        operations.create_product({"name": "Mug", "price": Decimal(1)})
        raise ValueError("afterwards")

    with pytest.raises(ValueError, match="afterwards"):
        first_one_thing_then_a_mistake()
    assert Product.objects.count() == 0
    assert outbox() == []
    make_product("Next")
    assert len(outbox()) == 1


def test_publishing_outside_a_transaction_is_a_mistake() -> None:
    from shared.contracts import ProductCreated
    from shared.messaging.outbox import OutsideTransaction, publish

    event = ProductCreated(
        product_id="0" * 24, name="Mug", price=Decimal(1), currency="EUR", is_active=True, version=1
    )
    with pytest.raises(OutsideTransaction):
        publish(event)
    assert outbox() == []


@pytest.mark.usefixtures("crowd")
def test_changes_of_one_product_at_once_are_all_made(make_product: "MakeProduct") -> None:
    from apps.product import operations, queries
    from apps.product.transactions import RETRIES, in_transaction

    mug = make_product(price=Decimal(0))
    before = RETRIES._value.get()

    @in_transaction
    def add_one() -> None:
        mug_now = queries.product(mug.pk)
        operations.change_product(str(mug.pk), {"price": mug_now.price + 1})

    assert all_at_once([add_one] * 12) == []
    mug.refresh_from_db()
    assert (mug.price, mug.version) == (Decimal(12), 13)
    assert [data["version"] for _, data in outbox()] == list(range(1, 14))
    assert RETRIES._value.get() > before


@pytest.mark.usefixtures("no_hurry")
def test_threads_of_one_process_wait_for_their_turn(make_product: "MakeProduct") -> None:
    from apps.product import operations
    from apps.product.transactions import RETRIES

    ids = [str(make_product(f"Mug {n}").pk) for n in range(8)]
    before = RETRIES._value.get()
    assert all_at_once([partial(operations.change_product, one, {"price": Decimal(1)}) for one in ids]) == []
    assert RETRIES._value.get() == before
    assert len(outbox()) == 16


@pytest.mark.usefixtures("crowd")
def test_of_two_products_with_one_slug_at_once_one_is_refused() -> None:
    from apps.product import operations
    from apps.product.errors import SlugTaken

    raised = all_at_once(
        [lambda: operations.create_product({"name": "Mug", "price": Decimal(1), "slug": "mug"})] * 6
    )
    assert [type(error) for error in raised] == [SlugTaken] * 5
    assert len(outbox()) == 1


@pytest.mark.usefixtures("crowd")
def test_no_product_stays_in_a_category_that_is_deleted_meanwhile(make_category: "MakeCategory") -> None:
    from apps.product import operations
    from apps.product.models import Product

    def fill(category: Any) -> None:
        operations.create_product({"name": "Mug", "price": Decimal(1), "categories": [category.pk]})

    for category in [make_category() for _ in range(5)]:
        filling = partial(fill, category)
        all_at_once([filling, filling, partial(operations.delete_category, str(category.pk)), filling])
        assert Product.objects.filter(categories__contains=[category.pk]).count() == 0


class BrokenCommit:
    """Does a commit and says that it failed, as a network that breaks just then does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, label: str, *, after: bool) -> None:
        from pymongo.client_session import ClientSession

        self.calls, self._label, self._after = 0, label, after
        self._commit = ClientSession.commit_transaction
        # A bound method would not be given the session.
        monkeypatch.setattr(ClientSession, "commit_transaction", lambda session: self.commit(session))  # noqa: PLW0108

    def commit(self, session: "ClientSession") -> None:
        """The first call fails."""
        self.calls += 1
        if self.calls > 1 or self._after:
            self._commit(session)
        if self.calls == 1:
            raise OperationFailure("made up", 112, {"errorLabels": [self._label]})


@pytest.mark.parametrize("after", [True, False], ids=["done", "not done"])
def test_a_commit_of_unknown_outcome_is_committed_again(
    monkeypatch: pytest.MonkeyPatch, *, after: bool, make_product: "MakeProduct"
) -> None:
    broken = BrokenCommit(monkeypatch, "UnknownTransactionCommitResult", after=after)
    make_product("Mug")
    assert broken.calls == 2
    assert [data["name"] for _, data in outbox()] == ["Mug"]
    make_product("Pan")  # the connection is as good as new
    assert len(outbox()) == 2


def test_a_commit_that_conflicts_is_done_from_the_start(
    monkeypatch: pytest.MonkeyPatch, make_product: "MakeProduct"
) -> None:
    broken = BrokenCommit(monkeypatch, "TransientTransactionError", after=False)
    make_product("Mug")
    assert broken.calls == 2
    assert [data["name"] for _, data in outbox()] == ["Mug"]


def test_a_commit_that_fails_for_good_leaves_no_session_behind(
    monkeypatch: pytest.MonkeyPatch, make_product: "MakeProduct"
) -> None:
    from apps.product.mongodb import mongo

    BrokenCommit(monkeypatch, "SomethingElse", after=False)
    with pytest.raises(OperationFailure):
        make_product("Mug")
    assert mongo.session is None
    assert outbox() == []
