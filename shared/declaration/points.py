"""The crash points of `shared`, which every service's processes come by; a service declares those of its own.

`shared.faults` has what kills a process there.
"""

from collections.abc import Mapping

# Each is passed by the line that its sentence is about: the process dies right there.
POINTS: Mapping[str, str] = {
    "outbox.written": "messages are in the outbox, the transaction around them is not committed",
    "outbox.committed": "the transaction is committed, nobody was told",
    "relay.taken": "the outbox is read, nothing is sent",
    "relay.sent": "Kafka has reported the delivery, nothing is marked sent",
    "relay.marked": "what was delivered is marked sent",
    "consumer.taken": "messages came, nothing is done with them",
    "ledger.written": "ids and effects are written, not committed (in Redis: the scripts have run)",
    "ledger.committed": "ids and effects are committed, the offsets are not",
    "consumer.parked": "messages are in the parking lot, none of them is tried",
    "parked.claimed": "the try of a parked message is counted, not begun",
    "consumer.committed": "the offsets are on their way to Kafka",
    "dead-letter.sent": "Kafka has a dead letter, what it is of is neither dropped nor committed",
}

OUTBOX = ("outbox.written", "outbox.committed")
RELAY = ("relay.taken", "relay.sent", "relay.marked")
# The first messages after a start are tried one by one from the parking lot, all others in batches.
CONSUMER = (
    "consumer.taken", "consumer.parked", "parked.claimed",
    "ledger.written", "ledger.committed", "consumer.committed", "dead-letter.sent",
)  # fmt: skip
