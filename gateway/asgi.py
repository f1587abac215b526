"""The gateway's ASGI application, with Django behind it for the pages."""

import logging
import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django_application: Any = get_asgi_application()

from gateway.composition import Composition  # noqa: E402 - reads the settings that the line above has set up
from gateway.http.exchange import Receive, Scope, Send  # noqa: E402

logger = logging.getLogger(__name__)


class Gateway:
    """Speaks ASGI: `lifespan` composes and closes, `http` and `websocket` are admitted or refused."""

    def __init__(self) -> None:
        self._composition: Composition | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._composition is None:
            raise RuntimeError(
                "The server did not run the ASGI lifespan: start the gateway with `python -m gateway`."
            )
        elif scope["type"] == "http":
            await self._composition.app.http(scope, receive, send)
        else:
            await self._composition.websockets.websocket(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._composition = Composition(django_application)
        self._composition.open()
        logger.info("The gateway is open.")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._composition.close()
        await send({"type": "lifespan.shutdown.complete"})


application = Gateway()
