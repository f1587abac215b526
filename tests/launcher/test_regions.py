"""Made lines stand between two marks of a file, and nothing else of it is touched."""

import pytest

from launcher.contract.regions import BEGINS, ENDS, replaced
from launcher.errors import LauncherError

FILE = f"by hand\n# {BEGINS}list\nold\n# {ENDS}list\nby hand, too\n"


def test_what_is_between_the_marks_is_made_anew() -> None:
    assert replaced(FILE, "list", ["new", "newer"]) == FILE.replace("old\n", "new\nnewer\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        FILE.replace("list", "lists", 1).replace("lists", "other"),
        FILE.replace(ENDS, ""),
        FILE + FILE,
        "\n".join(reversed(FILE.splitlines())),
    ],
)
def test_a_mark_that_is_lost_stops_the_command(text: str) -> None:
    """Red when a file with a broken mark is written over, or silently left as it was."""
    with pytest.raises(LauncherError, match="The region 'list' cannot be found"):
        replaced(text, "list", ["new"])
