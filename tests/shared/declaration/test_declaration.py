"""A declaration that cannot be right is refused when it is read, with a sentence that says how to mend it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.declaration import CONSUMER, DeclarationError, Evidence, Process, Service, declared

API, LISTENER = Process("api"), Process("consumer", passes=CONSUMER)
GOOD = Service(name="review", port=8007, redis=8, database="postgres", processes=(API,))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Review"}, "small letters"),
        ({"port": 8432}, "port 8432 is none from 8000 to 8099"),
        ({"redis": 16}, "Redis has no database 16"),
        ({"database": "postgress"}, "there is no database 'postgress': did you mean 'postgres'?"),
        ({"server": "asgi"}, "there is no server 'asgi'"),
        ({"processes": ()}, "has no process"),
        ({"processes": (API, API)}, "have the same role"),
        ({"processes": (Process("consumr"),)}, "there is no role 'consumr': did you mean 'consumer'?"),  # type: ignore[arg-type]
        ({"processes": (Process("api", stores=("reddis",)),)}, "did you mean 'redis'?"),  # type: ignore[arg-type]
        ({"processes": (Process("api", passes=("outbox.writen",)),)}, "did you mean 'outbox.written'?"),
        ({"processes": (Process("api", not_under_load=("relay.sent",)),)}, "crash point that it passes"),
        ({"processes": (API, LISTENER)}, "who listens to messages"),
        ({"listens_to": ("order.confirmed.v1",)}, "who listens to messages"),
        ({"crash_points": {"relay.sent": "…"}}, "is one of shared's"),
        ({"crash_points": {"review.kept": "…"}}, "none of its processes passes"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DeclarationError, match="The service ") as caught:
        replace(GOOD, **change)
    assert complaint in str(caught.value)


def checkout(root: Path, **texts: str) -> Path:
    """A checkout with these files: the name of a folder below apps, and what its service.py says."""
    for name, text in texts.items():
        folder = root / "apps" / name
        folder.mkdir(parents=True)
        (folder / "manage.py").touch()
        if text:
            (folder / "service.py").write_text(f"from shared.declaration import Process, Service\n{text}\n")
    return root


def service(name: str, **more: Any) -> str:
    said = {"name": name, "port": 8007, "redis": 8} | more
    return f'SERVICE = Service(processes=(Process("api"),), **{said!r})'


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"review": ""}, "apps/review is a Django project that does not declare itself"),
        ({"review": "SERVIC = 1"}, "apps/review/service.py has no SERVICE"),
        ({"review": service("rating")}, "declares 'rating'; its folder is 'review'"),
        ({"review": service("review", rolez=1)}, "unexpected keyword argument 'rolez'"),
        ({"review": "from django.dbb import models"}, "apps/review/service.py cannot be read"),
        ({"a": service("a"), "b": service("b", redis=9)}, "a and b both have the port 8007"),
        ({"a": service("a"), "b": service("b", port=8008)}, "a and b both have the Redis database 8"),
        (
            {"a": service("a", writes=("t",)), "b": service("b", port=8008, redis=9, writes=("t",))},
            "a and b both have the topic to write to t",
        ),
        (
            {
                "a": service("a"),
                "b": service("b", port=8008, redis=9).replace('"api"', '"api", calls=("c",)'),
            },
            "b calls 'c', but there is no service 'c'",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(texts: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError) as caught:
        declared(checkout(tmp_path, **texts))
    assert complaint in str(caught.value)


def test_a_folder_that_declares_itself_is_a_service(tmp_path: Path) -> None:
    """In the order of their ports, with nothing of it written elsewhere."""
    root = checkout(tmp_path, late=service("late", port=8009), early=service("early", redis=9))
    assert [each.name for each in declared(root)] == ["early", "late"]


def test_what_a_service_needs_follows_from_what_it_declares() -> None:
    asks = replace(GOOD, processes=(Process("api", calls=("basket",)),), needs=("key",))
    assert asks.required == ("database_url", "basket_url", "key")
    assert replace(GOOD, database=None).required == ()


def test_the_declarations_of_this_checkout_can_be_read() -> None:
    assert {each.name for each in declared()} > {"gateway", "order", "saga"}
    assert Evidence() == GOOD.evidence
