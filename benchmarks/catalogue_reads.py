"""How many anonymous readers of the catalogue a gateway answers, with shared answers and without.

Starts a gateway of its own, twice, before the platform that runs, without a limit for one address:
`python -m benchmarks.catalogue_reads [--port-offset N] [--seconds 5]`. Needs `wrk` on the PATH.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

from launcher.instance import ROOT, Instance
from launcher.services import environment
from launcher.system import service

PATHS = ("/api/products/", "/api/products/?search=coffee&ordering=price")
CONNECTIONS = 16


def main() -> None:
    """Print requests a second and latencies for each address, with sharing off and on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-offset", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    for shared in ("0", "3"):
        _measure(Instance(options.port_offset), shared, options.seconds)


def _measure(instance: Instance, shared: str, seconds: int) -> None:
    port = _free_port()
    settings = {"MICROCOMMERCE_SHARED_SECONDS": shared, "MICROCOMMERCE_RATE_LIMIT": "100000000"}
    known = {**os.environ, **environment(service("gateway"), instance), **settings}
    command = [sys.executable, "-m", "gateway", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=known, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://localhost:{port}/health/ready")
        for path in PATHS:
            print(f"shared {shared} s  {path:<45}{_wrk(f'http://localhost:{port}{path}', seconds)}")
    finally:
        process.terminate()
        process.wait(15)


def _wrk(address: str, seconds: int) -> str:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(said)
    rate, *times = (
        re.search(pattern, said) for pattern in (r"Requests/sec:\s+(\S+)", r"50%\s+(\S+)", r"99%\s+(\S+)")
    )
    return f"{rate and rate[1]} a second, p50 / p99 {' / '.join(found[1] for found in times if found)}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - http, our own
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{address} does not answer.")


if __name__ == "__main__":
    main()
