"""The server process: uvicorn's, with our protocol, one event loop in each worker."""

from uvicorn import Config, Server
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess

from gateway.protocol import FrontProtocol

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
        http=FrontProtocol,
        ws=WebSocketsSansIOProtocol,
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
    config = configure(host, port, workers)
    if workers == 1:
        Server(config).run()
    else:
        Multiprocess(config, [config.bind_socket()]).run()
