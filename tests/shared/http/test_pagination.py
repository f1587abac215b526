"""Pages behave the same on every list."""

from collections.abc import Sequence
from typing import Any

import pytest
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from shared.http.pagination import KeysetPagination, PagePagination
from shared.http.problems import flatten

ROWS = list(range(250))


def page(query: str) -> Any:
    """What a list of 250 rows answers."""
    pages, request = PagePagination(), Request(APIRequestFactory().get(f"/list/?{query}"))
    rows = pages.paginate_queryset(ROWS, request)
    return pages.get_paginated_response(rows).data


@pytest.mark.parametrize(
    ("query", "size", "next_link"),
    [
        ("", 20, "/list/?page=2"),
        ("page=&page_size=", 20, "/list/?page=2&page_size="),
        ("page_size=100", 100, "/list/?page=2&page_size=100"),
        ("page_size=5000", 100, "/list/?page=2&page_size=100"),
        ("page_size=5000&page=2", 100, "/list/?page=3&page_size=100"),
    ],
)
def test_links_say_the_size_that_was_used(query: str, size: int, next_link: str) -> None:
    """Red when a link repeats the size that was asked for."""
    shown = page(query)
    assert (shown["count"], len(shown["results"])) == (250, size)
    assert shown["next"].removeprefix("http://testserver") == next_link


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "1e3", "last", "9" * 30, "%00"])
@pytest.mark.parametrize("name", ["page", "page_size"])
def test_what_is_no_number_is_refused_by_name(name: str, wrong: str) -> None:
    """Red when a page that cannot be is answered as one that is not there."""
    with pytest.raises(ValidationError) as caught:
        page(f"{name}={wrong}")
    assert [error["field"] for error in flatten(caught.value.detail)] == [name]


def test_both_numbers_are_refused_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        page("page=0&page_size=x")
    assert {error["field"] for error in flatten(caught.value.detail)} == {"page", "page_size"}


def test_a_page_after_the_last_is_not_found() -> None:
    with pytest.raises(NotFound, match="no such page"):
        page("page=14")
    assert page("page=13")["next"] is None


class Numbers:
    """A walk through numbers that says how often it was counted."""

    def __init__(self, size: int) -> None:
        self._rows = range(size)
        self.counted = 0

    def count(self) -> int:
        """How many there are."""
        self.counted += 1
        return len(self._rows)

    def part(self, begin: int, end: int) -> list[int]:
        """Some of them."""
        return list(self._rows[begin:end])

    def beyond(self, place: Sequence[str], limit: int, *, back: bool) -> list[int]:
        """Those after a number, or before it."""
        number = int(place[0])
        return list((self._rows[:number][::-1] if back else self._rows[number + 1 :])[:limit])

    def place_of(self, row: int) -> list[str]:
        """The number."""
        return [str(row)]


@pytest.mark.parametrize(
    ("query", "rows", "counted"),
    [
        ("page_size=10", range(10), 1),
        ("page_size=10&page=3", range(20, 25), 0),
        ("page_size=5&page=5", range(20, 25), 0),
        ("page_size=25", range(25), 0),
    ],
)
def test_the_last_page_of_a_walk_is_not_counted(query: str, rows: range, counted: int) -> None:
    """It knows how many there are. Red when it is counted all the same, or another page is not."""
    pages, walk = KeysetPagination(), Numbers(25)
    found = pages.paginate_queryset(walk, Request(APIRequestFactory().get(f"/list/?{query}")))
    assert (found, walk.counted) == ([*rows], counted)
    assert pages.get_paginated_response(found).data["count"] == 25


@pytest.mark.parametrize(("size", "number", "is_there"), [(25, 4, False), (0, 1, True), (0, 2, False)])
def test_a_walk_ends_after_its_last_page(size: int, number: int, is_there: bool) -> None:
    """Red when a page of nothing is found after others, or the first page of nothing is not."""
    pages, request = (
        KeysetPagination(),
        Request(APIRequestFactory().get(f"/list/?page_size=10&page={number}")),
    )
    if is_there:
        assert pages.paginate_queryset(Numbers(size), request) == []
    else:
        with pytest.raises(NotFound):
            pages.paginate_queryset(Numbers(size), request)
