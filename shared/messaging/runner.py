"""What the processes of `shared.messaging` have in common: signals in, a probe out, one loop or two.

A service with a consumer and an outbox plays both roles in one process (ADR 0029). What keeps its word then:
- The consumer runs on the main thread and the relay on one of its own, so a signal is heard where messages are handled:
  the message in hand is finished first, and then the relay's batch, with what that message had to say.
- A relay that ends by itself, for whatever reason, ends the process: the consumer finishes what it has in hand, and the
  process ends with the relay's error. A loop that hangs is found by the probe, which asks each for its heartbeat.
- A Kafka client that has stalled, the consumer's or the relay's, ends the process at once, as `kill -9` would: what either
  loop keeps, it keeps at any line.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn, Protocol

from django.conf import settings

from shared.messaging.kafka import ClientStalled
from shared.telemetry import probe
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0  # what a loop beside the first one has, once told to stop


class Loop(Protocol):
    """A consumer or a relay."""

    heartbeat: Heartbeat

    def run(self) -> None:
        """Run the loop until told to stop."""

    def stop(self) -> None:
        """Finish what is in hand and return from `run`. Safe to call from a signal handler."""


def run(first: Loop, *others: Loop) -> None:
    """Run `first`, and `others` on threads of their own, until SIGTERM or SIGINT; answer probes meanwhile.

    The probe's port is MICROCOMMERCE_PROBE_PORT. The process ends with 1 when a Kafka client has stalled: whoever supervises
    it starts the next one. Raises what ended one of the `others`.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: first.stop())
    env = settings.ENVIRONMENT
    heartbeats = [each.heartbeat for each in (first, *others)]
    server = probe.serve(env.probe_host, env.probe_port, *heartbeats) if env.probe_port else None
    beside = [_BackgroundLoop(each, first.stop) for each in others]
    try:
        for each in beside:
            each.start()
        first.run()
    except ClientStalled as error:
        _end_at_once(error)
    finally:
        for each in beside:
            each.end()
        if server is not None:
            server.shutdown()
    for each in beside:
        if each.error is not None:
            raise each.error


class _BackgroundLoop(threading.Thread):
    """A loop on a thread of its own: `error` is what ended it, and `at_end` is called when it ends."""

    def __init__(self, loop: Loop, at_end: Callable[[], None]) -> None:
        super().__init__(name=type(loop).__name__.lower(), daemon=True)
        self._loop = loop
        self._at_end = at_end
        self.error: Exception | None = None

    def run(self) -> None:
        """Run the loop on this thread; keep the error that ends it."""
        try:
            self._loop.run()
        except ClientStalled as error:
            _end_at_once(error)
        except Exception as error:  # raised where the process ends
            logger.exception("The %s has ended, and this process ends with it.", self.name)
            self.error = error
        finally:
            self._at_end()

    def end(self) -> None:
        """Stop the loop and wait until it has finished what it has in hand."""
        self._loop.stop()
        if self.ident is not None:
            self.join(STOP_SECONDS)  # it may hang, too


def _end_at_once(error: ClientStalled) -> NoReturn:
    """The interpreter would close the client first, and wait for Kafka's answer for ever."""
    logger.error("%s This process ends, for the next one to begin anew.", error)
    logging.shutdown()
    os._exit(1)
