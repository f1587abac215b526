"""The outbox of a service on MongoDB: numbered in commit order, woken by a change stream, guarded by a lease.

MongoDB has no advisory lock, so one relay at a time is kept by a lease on the server's clock. A lease can
run out under a relay that sleeps (SIGSTOP, a paused machine) with messages in its hands. It then sends what
the next relay has sent already; `mark_sent` notices and has every later message of those keys sent once
more, with their old ids. So a key's newest message is always the last on its topic, which a compacted topic
lives on, and the receivers' inboxes ignore the rest.
"""

import time
import uuid
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from bson import ObjectId
from django.db import connection
from pymongo import MongoClient, ReturnDocument
from pymongo.change_stream import CollectionChangeStream
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared.messaging.models import OutboxMessage
from shared.messaging.purge import KEEP_SENT, PIECE
from shared.messaging.relay import IDLE_WAIT, OutboxRow, SourceAway

OUTBOX, STATE = "messaging_outboxmessage", "messaging_state"
SEQUENCE, LEASE = "sequence", "relay"
LEASE_SECONDS = 5
RENEW_EVERY = 1.5  # seconds
CLIENT_OPTIONS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 3_000,
    "socketTimeoutMS": 15_000,  # a mongod that hangs must not hold the relay for ever
    "readConcernLevel": "majority",  # what a failover could take back is not sent
}

Document = dict[str, Any]
_mongo: Any = connection  # Django's type does not know this backend's connection


def number(messages: Sequence[OutboxMessage]) -> None:
    """Give `messages` ids that rise in the order in which transactions commit.

    ObjectIds made by two processes within one second have no order. These are counted instead, in the
    transaction: who publishes at the same time conflicts, and its retry gets higher numbers.
    """
    counter: Document = _mongo.get_collection(STATE).find_one_and_update(
        {"_id": SEQUENCE},
        {"$inc": {"last": len(messages)}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=_mongo.session,
    )
    first = counter["last"] - len(messages) + 1
    for count, message in enumerate(messages, first):
        message.pk = cast("Any", ObjectId(count.to_bytes(12, "big")))


class MongoOutbox:
    """An `OutboxSource`."""

    def __init__(self) -> None:
        self._owner = uuid.uuid4().hex
        self._client: MongoClient[Document] | None = None
        self._stream: CollectionChangeStream[Document] | None = None
        self._renew_at = 0.0
        self._seen: ObjectId | None = None

    def acquire(self) -> bool:
        """Take or renew the lease. The change stream opens first, so that nothing falls between look and wait."""
        if time.monotonic() < self._renew_at:
            return True
        with _away():
            held = self._take_lease()
            if held and self._stream is None:
                self._stream = self._outbox.watch(
                    [{"$match": {"operationType": "insert"}}, {"$project": {"documentKey": 1}}],
                    max_await_time_ms=int(IDLE_WAIT * 1000),
                )
        self._renew_at = time.monotonic() + RENEW_EVERY if held else 0.0
        return held

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> Sequence[OutboxRow]:
        """The lowest numbers without `sent_at`."""
        self.mark_sent(sent)
        with _away():
            documents = list(self._outbox.find({"sent_at": None}).sort("_id", 1).limit(limit))
        if documents:
            self._seen = documents[-1]["_id"]
        return [_row(document) for document in documents]

    def mark_sent(self, ids: Sequence[Hashable]) -> None:
        """Set `sent_at`; where another relay did so before, see to the order on the topic."""
        if not ids:
            return
        with _away():
            now: list[Document] = [{"$set": {"sent_at": "$$NOW"}}]
            marked = self._outbox.update_many(
                {"_id": {"$in": list(ids)}, "sent_at": None}, now
            ).modified_count
            if marked < len(ids):
                self._send_what_followed_again(ids)

    def wait(self, seconds: float) -> None:
        """Until the stream shows a message that was not taken yet."""
        give_up_at = time.monotonic() + seconds
        with _away():
            while time.monotonic() < give_up_at:
                change = self._open_stream.try_next()
                if change is not None and (self._seen is None or change["documentKey"]["_id"] > self._seen):
                    return

    def wake(self) -> None:
        """The stream cannot be interrupted; `wait` is over in a second."""

    def purge(self) -> bool:
        """A piece of the sent messages that nobody asks about any more."""
        old = {"sent_at": {"$lt": datetime.now(UTC) - KEEP_SENT}}
        with _away():
            ids = [each["_id"] for each in self._outbox.find(old, {"_id": 1}).limit(PIECE)]
            self._outbox.delete_many({"_id": {"$in": ids}})
        return len(ids) == PIECE

    def reconnect(self) -> None:
        """Close what is left. The lease runs out, or is found to be still ours."""
        client, self._client, self._stream, self._renew_at = self._client, None, None, 0.0
        if client is not None:
            client.close()

    def _take_lease(self) -> bool:
        free = {"$or": [{"$eq": ["$owner", self._owner]}, {"$lt": ["$until", "$$NOW"]}]}
        until = {"$add": ["$$NOW", LEASE_SECONDS * 1000]}
        lease: Any = self._database[STATE].find_one_and_update(
            {"_id": LEASE},
            [
                {
                    "$set": {
                        "owner": {"$cond": [free, self._owner, "$owner"]},
                        "until": {"$cond": [free, until, "$until"]},
                    }
                }
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return bool(lease["owner"] == self._owner)

    def _send_what_followed_again(self, ids: Sequence[Hashable]) -> None:
        keys = self._outbox.distinct("key", {"_id": {"$in": list(ids)}})
        later = {"_id": {"$gt": min(ids)}, "key": {"$in": keys}, "sent_at": {"$ne": None}}  # type: ignore[type-var]
        self._outbox.update_many(later, {"$set": {"sent_at": None}})

    @property
    def _open_stream(self) -> CollectionChangeStream[Document]:
        if self._stream is None:
            raise SourceAway("The change stream is not open: acquire() opens it.")
        return self._stream

    @property
    def _database(self) -> Database[Document]:
        if self._client is None:
            self._client = MongoClient(**{**connection.get_connection_params(), **CLIENT_OPTIONS})
        return self._client[connection.settings_dict["NAME"]]

    @property
    def _outbox(self) -> Collection[Document]:
        return self._database[OUTBOX]


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise SourceAway(str(error)) from error


def _row(document: Document) -> OutboxRow:
    return OutboxRow(
        document["_id"], document["topic"], document["key"], document["headers"], document["payload"]
    )
