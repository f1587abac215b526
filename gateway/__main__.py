"""`python -m gateway`: starts the server."""

import argparse
import os


def main() -> None:
    """Read the command line and serve."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    parser = argparse.ArgumentParser(prog="python -m gateway", description="The gateway of Microcommerce.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port, one core each")
    options = parser.parse_args()

    from gateway.http.server import run  # reads the settings

    run(options.host, options.port, options.workers)


if __name__ == "__main__":
    main()
