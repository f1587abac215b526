"""Pages behave the same on every list."""

from typing import Any

import pytest
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from shared.http.pagination import PagePagination
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
