"""Waiting for a store that is away: no message is to blame for it, and none is lost over it."""

import logging
import time
from collections.abc import Callable

from shared.messaging.dead_letters import DeadLetterNotTaken
from shared.messaging.inbox import Inbox
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

STORE_WAIT = 1.0  # seconds between two looks at a store that is away


class StoreAway(Exception):
    """The service's own store cannot be reached."""


class Stopped(Exception):
    """The process was told to stop while it waited; what was in hand comes again."""


class StoreRetry:
    """Does work again and again until the stores that it needs are there, or the process is told to stop."""

    def __init__(self, inbox: Inbox, heartbeat: Heartbeat) -> None:
        self._inbox = inbox
        self._heartbeat = heartbeat
        self.stopping = False

    def is_reachable(self) -> bool:
        """Whether the service's store answers."""
        try:
            return self._inbox.is_reachable()
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is no
            logger.warning("The store is away: %s", error)
            return False

    def until_done(self, work: Callable[[], None]) -> None:
        """Do `work`, at least once; while a store or the dead-letter topic is away, wait and do it again.

        Raises Stopped, and whatever `work` raises with every store in reach.
        """
        while True:
            try:
                work()
            except (StoreAway, DeadLetterNotTaken) as error:
                logger.warning("Waiting: %s", error.__cause__ or error)
            except Exception:
                if self.is_reachable():
                    raise
            else:
                return
            if self.stopping:
                raise Stopped
            self._heartbeat.beat()
            time.sleep(STORE_WAIT)
