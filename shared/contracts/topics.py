"""Every Kafka topic of the platform, on one screen."""

from dataclasses import dataclass

PARTITIONS = 6
DEAD_LETTER = ".dead-letter"
# Kafka keeps messages for this long; the inbox remembers ids for longer (shared.messaging.purge).
RETENTION_DAYS = 7
DEAD_LETTER_DAYS = 30  # the saga service has them in its database by then


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. A compacted one keeps the newest message of each key for ever, so that a copy can be rebuilt.

    With one partition everything on it stays in order, and not just what has the same key: whoever follows it is
    at every moment where the sender was at some moment (ADR 0014).
    """

    name: str
    compacted: bool = False
    partitions: int = PARTITIONS

    @property
    def dead_letter(self) -> str:
        """Where messages go that a consumer of this topic gave up on."""
        return self.name + DEAD_LETTER


PRODUCT_EVENTS = Topic("product.events", compacted=True, partitions=1)
ORDER_EVENTS = Topic("order.events")
ORDER_COMMANDS = Topic("order.commands")
STOCK_COMMANDS = Topic("stock.commands")
STOCK_EVENTS = Topic("stock.events")
BASKET_COMMANDS = Topic("basket.commands")

TOPICS = (PRODUCT_EVENTS, ORDER_EVENTS, ORDER_COMMANDS, STOCK_COMMANDS, STOCK_EVENTS, BASKET_COMMANDS)
# Names of the topics on which everything stays in order. Where an earlier release made one with more partitions,
# all that is new goes into the first.
ORDERED = {topic.name for topic in TOPICS if topic.partitions == 1}

# Service -> where a dead letter of its own comes back to it, and to nobody else, when a manager says so (ADR 0016).
REPLAYS = {
    service: Topic(f"{service}.replays", partitions=1)
    for service in ("basket", "notification", "order", "saga", "stock")
}
WITH_DEAD_LETTERS = (*TOPICS, *REPLAYS.values())
