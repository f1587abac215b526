"""The Lua scripts that this service runs inside Redis: each is atomic and one round trip."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django_redis import get_redis_connection
from redis.commands.core import Script

FOLDER = Path(__file__).parent
ABOUT_BASKETS = {"read", "set_line", "replace", "remove_line", "clear", "remove_ordered"}


def redis() -> Any:
    """This thread's connection to the service's Redis.

    Any, since redis-py's annotations say of every answer that it may be an asynchronous one.
    """
    return get_redis_connection("default")


def run(name: str, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:
    """What `<name>.lua` returns. A Redis that does not know the script yet is given it on the way."""
    return _script(name)(keys=keys, args=args, client=redis())


@cache
def _script(name: str) -> Script:
    files = ["basket", name] if name in ABOUT_BASKETS else [name]
    return Script(redis(), "\n".join((FOLDER / f"{file}.lua").read_text() for file in files))
