"""Every Kafka topic of the platform, on one screen."""

from dataclasses import dataclass

PARTITIONS = 6
DEAD_LETTER = ".dead-letter"
# Kafka keeps messages for this long; the inbox remembers ids for longer (shared.messaging.purge).
RETENTION_DAYS = 7


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. A compacted one keeps the newest message of each key for ever, so that a copy can be rebuilt."""

    name: str
    compacted: bool = False

    @property
    def dead_letter(self) -> str:
        """Where messages go that a consumer of this topic gave up on."""
        return self.name + DEAD_LETTER


PRODUCT_EVENTS = Topic("product.events", compacted=True)
ORDER_EVENTS = Topic("order.events")
ORDER_COMMANDS = Topic("order.commands")
STOCK_COMMANDS = Topic("stock.commands")
STOCK_EVENTS = Topic("stock.events")
BASKET_COMMANDS = Topic("basket.commands")

TOPICS = (PRODUCT_EVENTS, ORDER_EVENTS, ORDER_COMMANDS, STOCK_COMMANDS, STOCK_EVENTS, BASKET_COMMANDS)
