"""The server process: uvicorn's, with our protocol, one event loop in each worker."""

import logging
import resource

from django.conf import settings
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from gateway.http.protocol import HttpProtocol
from gateway.http.websocket_protocol import WebSocketProtocol

logger = logging.getLogger(__name__)

OTHER_FILES = 500  # connections to services and stores, logs
GRACE_SECONDS = 8  # for requests under way when the process is told to stop
MAX_CLIENT_MESSAGE = 64 * 1024  # bytes of one WebSocket message from a client
PING_SECONDS = 20.0


def configure(host: str, port: int, workers: int) -> Config:
    """How the server is to run."""
    return Config(
        "gateway.asgi:application",
        host=host,
        port=port,
        workers=workers,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the gateway judges forwarding headers itself
        backlog=1024,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=MAX_CLIENT_MESSAGE,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
    )


def run(host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    _allow_files()
    config = configure(host, port, workers)
    if workers == 1:
        Server(config).run()
    else:
        Multiprocess(config, [config.bind_socket()]).run()


def _allow_files() -> None:
    """As many open files as the machine lets a process have: many shells start one with no more than 1,024."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = (
        settings.ENVIRONMENT.max_connections + settings.ENVIRONMENT.max_sockets
    )  # a WebSocket has two ends
    if most != resource.RLIM_INFINITY and most < wanted + OTHER_FILES:
        logger.warning(
            "The machine allows %d open files, and %d connections need more: see MICROCOMMERCE_MAX_CONNECTIONS",
            most, wanted,
        )  # fmt: skip
