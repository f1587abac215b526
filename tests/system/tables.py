"""Tables of requests that are tried one by one: a part of each in every run of the tests, the whole by `test faults`.

What a cell says of the code is said in full by the tests of one process: of tokens in tests/shared/auth, of the
gateway's table in tests/gateway, of each service's own doors in its suite. Here the platform shows that the parts are put
together as those tests have it: each kind at each service, whose endpoints take turns.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from itertools import cycle
from typing import Any, TypeVar

import pytest

FULL_TABLE = pytest.mark.full_table
R = TypeVar("R")
Kind = TypeVar("Kind", bound=Hashable)


def in_turn(
    kinds: Sequence[Kind], rows: Iterable[R], group: Callable[[R], Hashable]
) -> set[tuple[str, Kind]]:
    """Each kind once for each group of rows, whose rows take turns; and no row without a kind. Rows are named by `str`."""
    groups: dict[Hashable, list[R]] = defaultdict(list)
    for row in rows:
        groups[group(row)].append(row)
    found = set()
    for members in groups.values():
        turns, again = cycle(members), cycle(kinds)
        for _ in range(max(len(members), len(kinds))):
            found.add((str(next(turns)), next(again)))
    return found


def cells(table: Iterable[Sequence[Any]], always: Container[tuple[Any, ...]]) -> list[Any]:
    """Parameters for pytest, named as it names those of a product; marked where `always` does not hold their names."""
    return [
        pytest.param(
            *row, id="-".join(map(str, row)), marks=[] if tuple(map(str, row)) in always else [FULL_TABLE]
        )
        for row in table
    ]
