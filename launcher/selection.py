"""Which platform a command means: by its option, by a variable, else the one that this checkout started last.

And whether it is ours at all: a second clone at the same offset has the same ports, and not the same data.
"""

import os
from collections.abc import Sequence

from launcher import platform
from launcher.errors import LauncherError
from launcher.instance import HIGHEST_OFFSET, ROOT, Instance
from launcher.ports import another_owner

OPTION = "--port-offset"
VARIABLE = "MICROCOMMERCE_PORT_OFFSET"
LAST = ROOT / ".microcommerce" / "last-offset"


def chosen(offset: int | None) -> Instance:
    """The platform at `offset`; without one, the one that `MICROCOMMERCE_PORT_OFFSET` names, or was started last."""
    if offset is not None:
        return Instance(offset)
    if given := os.environ.get(VARIABLE):
        return Instance(_number(given, VARIABLE))
    return Instance(_last())


def _last() -> int:
    try:
        return int(LAST.read_text())
    except (OSError, ValueError):
        return 0


def remember(instance: Instance) -> None:
    """Commands that name no platform mean this one from now on; not where the variable says which, as in test runs."""
    if not os.environ.get(VARIABLE):
        LAST.write_text(str(instance.offset))


def forget(instance: Instance) -> None:
    """This platform is gone: commands that name none mean the one without an offset again."""
    if _last() == instance.offset:
        LAST.unlink(missing_ok=True)


def ours(offset: int | None) -> Instance:
    """The same, for commands that talk to it. Raises LauncherError where another checkout has its ports."""
    instance = chosen(offset)
    if owner := neighbour(instance):
        raise LauncherError(
            f"The ports of this platform belong to {owner}; that of {instance.root} does not run.",
            f"Go there, or start one here beside it: python manage_all.py up {OPTION} {_beside(instance)}",
        )
    return instance


def _beside(instance: Instance) -> int:
    return min(instance.offset + 1000, HIGHEST_OFFSET)


def neighbour(instance: Instance) -> str:
    """Who has ports of this platform that are not its own now, in words; empty where nobody has."""
    running = {each["name"] for each in platform.processes(instance) if each["state"] != "stopped"}
    return another_owner(instance, running)


def take_offset(arguments: Sequence[str]) -> tuple[int | None, list[str]]:
    """The option, wherever it stands among the arguments of somebody else's command, and the other arguments."""
    offset: int | None = None
    rest: list[str] = []
    left = iter(arguments)
    for each in left:
        name, equals, value = each.partition("=")
        if name != OPTION:
            rest.append(each)
        else:
            offset = _number(value if equals else next(left, ""), OPTION)
    return offset, rest


def _number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        said = f"{what} is {text!r}, which is no number." if text else f"{what} wants a number."
        raise LauncherError(said, f"For example: {OPTION} 1000") from None
