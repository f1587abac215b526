"""Whether a service listens as it declares: judged by `manage.py check`, and before `manage.py consume` begins."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import Error

from shared.contracts import BY_TYPE
from shared.contracts.topics import REPLAYS, TOPICS
from shared.declaration import Service
from shared.declaration.service import unknown
from shared.messaging.listener import Listener


def listens_as_declared(**_: Any) -> list[Error]:
    """Every fault of the declaration that has to do with messages."""
    return list(_faults(settings.SERVICE))


def _faults(service: Service) -> Iterator[Error]:
    topics = {topic.name for topic in TOPICS}
    for name in service.writes:
        if name not in topics:
            yield _error("E001", service, f"writes to a topic: {unknown('topic', name, sorted(topics))}")
    for name in service.listens_to:
        if name not in BY_TYPE:
            yield _error("E002", service, f"listens to a message: {unknown('type', name, sorted(BY_TYPE))}")
    if service.listens_to and service.name not in REPLAYS:
        yield _error(
            "E003",
            service,
            "listens to messages, and nothing that it gives up could come back to it.",
            "Add its name to REPLAYS in shared/contracts/topics.py.",
        )
    if service.listens_to or find_spec(f"{service.package}.handlers"):
        yield from _faults_of_handlers(service)


def _faults_of_handlers(service: Service) -> Iterator[Error]:
    name = f"{service.package}.handlers"
    listener = vars(import_module(name)).get("LISTENER") if find_spec(name) else None
    if not isinstance(listener, Listener):
        yield _error(
            "E004",
            service,
            "listens to messages, and its handlers.py has no LISTENER.",
            "Write LISTENER = Listener(handlers={…}), of shared.messaging.listener.",
        )
        return
    handled = {message.TYPE for message in listener.handlers}
    for kind in sorted(handled.symmetric_difference(service.listens_to)):
        said = "handles" if kind in handled else "declares that it hears"
        yield _error(
            "E005",
            service,
            f"{said} {kind}, and its {'service.py' if kind in handled else 'handlers.py'} says nothing of it.",
            "`listens_to` in service.py and `handlers` in handlers.py name the same messages.",
        )


def _error(number: str, service: Service, fault: str, hint: str = "") -> Error:
    return Error(f"The service {service.name} {fault}", hint=hint or None, id=f"messaging.{number}")
