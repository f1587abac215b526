"""What the processes of `shared.messaging` have in common: signals in, a probe out."""

import signal
from collections.abc import Callable

from django.conf import settings

from shared.telemetry import probe
from shared.telemetry.probe import Pulse


def run(work: Callable[[], None], stop: Callable[[], None], pulse: Pulse) -> None:
    """Run `work` until SIGTERM or SIGINT ask for `stop`; answer probes on MICROCOMMERCE_PROBE_PORT meanwhile."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    port = settings.ENVIRONMENT.probe_port
    server = probe.serve(port, pulse) if port else None
    try:
        work()
    finally:
        if server is not None:
            server.shutdown()
