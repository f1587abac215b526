"""How long Kafka may bring a message again, as the launcher makes the topics."""

from datetime import timedelta

from launcher import topics
from shared.contracts.topics import DEAD_LETTER

KAFKAS_OWN_SEGMENT = 7 * topics.DAY_MILLISECONDS  # where a topic says nothing of `segment.ms`
LOOKS_EVERY = timedelta(minutes=5)  # log.retention.check.interval.ms


def oldest_message() -> timedelta:
    """The greatest age of a message that an inbox may know, on any topic that ends.

    Kafka deletes whole segments, by their newest message: the oldest is older than `retention.ms` by what fits into
    one. (On a compacted topic messages have versions, and a dead letter was not handled.)
    """
    ages = [
        int(config["retention.ms"]) + int(config.get("segment.ms", KAFKAS_OWN_SEGMENT))
        for config in (topic.config or {} for topic in topics.wanted() if DEAD_LETTER not in topic.topic)
        if int(config.get("retention.ms", -1)) > 0
    ]
    assert ages, "no topic has a retention"
    return timedelta(milliseconds=max(ages)) + LOOKS_EVERY
