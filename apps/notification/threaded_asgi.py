"""Django's HTTP side behind ASGI with one hop to a thread for each request.

Django's own ASGI handler makes a thread for each request and crosses between it and the event loop at every
synchronous middleware and view: that doubled the processor time of a request. All of ours are synchronous, so
the whole request runs in one of a few threads that stay, each with its own database connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import IO, Any

from django import setup
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.urls import set_script_prefix

THREADS = 4

Message = Mapping[str, Any]


class ThreadedHandler(ASGIHandler):
    """Answers requests in a fixed number of threads; more wait for their turn."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="http")

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Read the body, answer in a thread, send the answer."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        with body:
            response = await loop.run_in_executor(
                self._threads, copy_context().run, self._answer, scope, body
            )
            await self.send_response(response, send)
            if response.streaming:
                await loop.run_in_executor(self._threads, response.close)

    def _answer(self, scope: Message, body: IO[bytes]) -> Any:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response: Any = self.get_response(request) if request else refused
        response._handler_class = self.__class__  # noqa: SLF001 - as Django's own handlers do
        if not response.streaming:
            response.close()  # ends the request: looks after the database connection, which is this thread's
        return response


def get_threaded_application() -> ThreadedHandler:
    """As `django.core.asgi.get_asgi_application`."""
    setup(set_prefix=False)
    return ThreadedHandler()
