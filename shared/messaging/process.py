"""What the processes of `shared.messaging` have in common: signals in, a probe out."""

import logging
import os
import signal
from collections.abc import Callable

from django.conf import settings

from shared.messaging.kafka import ClientDeaf
from shared.telemetry import probe
from shared.telemetry.probe import Pulse

logger = logging.getLogger(__name__)


def run(work: Callable[[], None], stop: Callable[[], None], pulse: Pulse) -> None:
    """Run `work` until SIGTERM or SIGINT ask for `stop`; answer probes on MICROCOMMERCE_PROBE_PORT meanwhile.

    Ends the process with 1 when its Kafka client is deaf: whoever supervises it starts the next one.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    env = settings.ENVIRONMENT
    server = probe.serve(env.probe_host, env.probe_port, pulse) if env.probe_port else None
    try:
        work()
    except ClientDeaf as error:
        logger.error("%s This process ends, for the next one to begin anew.", error)  # noqa: TRY400 - no bug of ours
        logging.shutdown()
        os._exit(1)  # the interpreter would close the client first, and wait for Kafka's answer for ever
    finally:
        if server is not None:
            server.shutdown()
