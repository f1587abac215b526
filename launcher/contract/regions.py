"""Parts of files that are made, between two lines that say so; what stands around them is written by hand."""

from collections.abc import Iterable

from launcher.errors import LauncherError

BEGINS, ENDS = "made by `manage_all.py schema`: ", "end of what is made: "


def replaced(text: str, name: str, lines: Iterable[str]) -> str:
    """`text` with these lines in its region of that name. Raises LauncherError where it has no such region."""
    old = text.splitlines()
    starts = [number for number, line in enumerate(old) if f"{BEGINS}{name}" in line]
    ends = [number for number, line in enumerate(old) if f"{ENDS}{name}" in line]
    if len(starts) != 1 or len(ends) != 1 or starts[0] > ends[0]:
        raise LauncherError(
            f"The region {name!r} cannot be found.",
            f"It begins with a line that has “{BEGINS}{name}”, and ends with one that has “{ENDS}{name}”.",
        )
    return "\n".join([*old[: starts[0] + 1], *lines, *old[ends[0] :]]) + "\n"
