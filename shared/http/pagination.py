"""Pages as `{count, next, previous, results}`."""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as NotValid
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import IntegerField
from rest_framework.utils.urls import remove_query_param, replace_query_param

from shared.http.renderers import Written

LONGEST_CURSOR = 200  # characters
NUMBER = IntegerField(min_value=1, max_value=10**9)


class PagePagination(PageNumberPagination):
    """`?page=` and `?page_size=`: 20 unless told, at most 100. Links stand on the gateway's address."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
    page_query_description = "Which page, from 1 on. After the last one there is 404."
    page_size_query_description = "How many on a page: 20 unless told; more than 100 is 100."
    invalid_page_message = "This list has no such page: it ends before. Follow `next`, or begin with page=1."

    def get_page_size(self, request: Request) -> int | None:
        """What the query asks for, as far as it may; raises ValidationError for what is no size or no page."""
        size = self._asked(request)[self.page_size_query_param]
        return self.page_size if size is None else min(size, self.max_page_size)

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """Which page the query asks for; raises ValidationError for what is no page."""
        return self._asked(request)[self.page_query_param] or 1

    def get_next_link(self) -> str | None:
        """The page after this one, of the size that this one has."""
        return self._sized(super().get_next_link())

    def get_previous_link(self) -> str | None:
        """The page before this one, of the size that this one has."""
        return self._sized(super().get_previous_link())

    def _asked(self, request: Request) -> dict[str, int | None]:
        """Both numbers as the query has them, None where it has not; all that is wrong is said at once."""
        asked, errors = dict[str, int | None](), {}
        for name in (self.page_query_param, self.page_size_query_param):
            try:
                given = request.query_params.get(name)
                asked[name] = NUMBER.run_validation(given) if given else None
            except NotValid as error:
                errors[name] = error.detail
        if errors:
            raise NotValid(errors)
        return asked

    def _sized(self, link: str | None) -> str | None:
        """`link` with the size that was used, where the query asked for one: it may have asked for too much."""
        request: Any = self.request
        if link and request.query_params.get(self.page_size_query_param):
            return replace_query_param(link, self.page_size_query_param, self.get_page_size(request))
        return link

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """With the limits of both numbers."""
        limits = {"type": "integer", "minimum": NUMBER.min_value, "maximum": NUMBER.max_value}
        return [{**each, "schema": limits} for each in super().get_schema_operation_parameters(view)]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """How the API's description shows a page: all four members are always there."""
        link = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {
                    "type": "integer",
                    "minimum": 0,
                    "example": 1,
                    "description": "How many there are on all pages.",
                },
                "next": {**link, "description": "The address of the next page; null on the last."},
                "previous": {**link, "description": "The address of the page before; null on the first."},
                "results": schema,
            },
        }


class Walk(Protocol):
    """A list that `KeysetPagination` goes through, in an order that leaves no two rows equal."""

    def count(self) -> int:
        """How many rows there are."""

    def part(self, begin: int, end: int) -> list[Any]:
        """The rows from the place `begin` to before `end`."""

    def beyond(self, place: Sequence[str], limit: int, *, back: bool) -> list[Any]:
        """The first `limit` rows after `place`, or before it, nearest first.

        Raises ValueError, TypeError or ValidationError for what is no place of this list.
        """

    def place_of(self, row: Any) -> list[str]:
        """Where a row of this list stands."""


class QueryWalk:
    """A walk through a queryset, whose order must run in one direction, rising or falling."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self._queryset = queryset
        order = _order_of(queryset)
        self._falls = order[0].startswith("-")
        self._fields = [name.removeprefix("-") for name in order]

    def count(self) -> int:
        """How many rows there are."""
        return self._queryset.count()

    def part(self, begin: int, end: int) -> list[Any]:
        """The rows from the place `begin` to before `end`."""
        return list(self._queryset[begin:end])

    def beyond(self, place: Sequence[str], limit: int, *, back: bool) -> list[Any]:
        """The rows after `place`, or before it."""
        fields = [self._queryset.model._meta.get_field(name) for name in self._fields]
        values = [field.to_python(each) for field, each in zip(fields, place, strict=True)]
        found = self._queryset.filter(_beyond(self._fields, values, smaller=self._falls != back))
        return list((found.reverse() if back else found)[:limit])

    def place_of(self, row: Any) -> list[str]:
        """The values of the fields that the list is ordered by."""
        return [str(row.serializable_value(name)) for name in self._fields]


class Ahead(Paginator):  # type: ignore[type-arg]  # at run time it takes no argument
    """Looks one row beyond each page of a walk. Django ends the last page where its count did, taken before.

    The last page knows how many there are: most customers' lists have no other, and are never counted.
    """

    has_more = False  # whether there is something after the page that was asked for last

    def page(self, number: Any) -> "Page[Any]":
        """The rows as they are now; raises EmptyPage after the last page."""
        begin = (number - 1) * self.per_page
        walk: Any = self.object_list
        rows = walk.part(begin, begin + self.per_page + 1)
        self.has_more = len(rows) > self.per_page
        if not self.has_more:
            self.count = begin + len(rows)  # or fewer, where there are no rows: then there is no such page
        return Page(rows[: self.per_page], self.validate_number(number), self)


class KeysetPagination(PagePagination):
    """Pages whose links neither repeat nor miss anything, whatever is added or changed on the way.

    `next` and `previous` say from which row on (`cursor`, as nobody but this class need read it) and not which
    page by number: a number counts from a beginning that moves. `?page=N` is answered as well.

    Not for a list that only grows at its end: there a number counts just as well. The list's order must leave no two rows equal and run in one direction, rising or falling.
    """

    django_paginator_class = Ahead
    cursor_query_param = "cursor"
    cursor_template = "rest_framework/pagination/previous_and_next.html"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page that the query names; raises NotFound for a cursor that is none of ours.

        `queryset` may be any `Walk`.
        """
        cursor = request.query_params.get(self.cursor_query_param)
        self._walk: Walk = QueryWalk(queryset) if isinstance(queryset, QuerySet) else queryset
        self._address = request.build_absolute_uri()
        if cursor is None:
            self._rows: list[Any] = list(super().paginate_queryset(self._walk, request, view) or [])  # type: ignore[arg-type]
            page: Any = self.page
            self._total = page.paginator.count
            self._has_next, self._has_previous = page.paginator.has_more, page.has_previous()
        else:
            self.request = request
            self._turn_to(cursor, self.get_page_size(request) or 1)
        return self._rows

    def _turn_to(self, cursor: str, size: int) -> None:
        try:
            number, *place = _unpacked(cursor)
            back = bool(number)
            rows = self._walk.beyond(place, size + 1, back=back)
        except (ValueError, TypeError, ValidationError) as error:
            detail = "This is no cursor of this list: follow `next` or `previous`, or begin again without it."
            raise NotFound(detail) from error
        more, rows = len(rows) > size, rows[:size]
        self._rows = rows[::-1] if back else rows
        self._total = self._walk.count()
        self._has_next, self._has_previous = (True, more) if back else (more, True)
        self.template, self.display_page_controls = self.cursor_template, bool(rows)

    def get_next_link(self) -> str | None:
        """The rows after the last of these."""
        return self._link(back=False) if self._has_next and self._rows else None

    def get_previous_link(self) -> str | None:
        """The rows before the first of these."""
        return self._link(back=True) if self._has_previous and self._rows else None

    def get_paginated_response(self, data: Any) -> Response:
        """`{count, next, previous, results}`."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({"count": self._total, **links, "results": data})

    def get_written_response(self, request: Request, rows: Iterable[str]) -> Response:
        """The same of `rows` that are JSON already; pages for people are made of values."""
        links = f'"next":{json.dumps(self.get_next_link())},"previous":{json.dumps(self.get_previous_link())}'
        page = Written(f'{{"count":{self._total},{links},"results":[{",".join(rows)}]}}')
        return Response(page if request.accepted_renderer.format == "json" else json.loads(page))

    def get_html_context(self) -> Any:
        """What the browsable page's controls are made of."""
        if self.template == self.cursor_template:
            return {"previous_url": self.get_previous_link(), "next_url": self.get_next_link()}
        return super().get_html_context()

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """With the parameter that the links carry."""
        from shared.http.openapi import NOT_EMPTY  # late: DRF loads this module before its views

        text = "Where a link of this list goes on; take it from `next` or `previous`. Instead of `page`."
        cursor = {"name": self.cursor_query_param, "required": False, "in": "query", "description": text}
        cursor |= {"schema": {"type": "string"}, NOT_EMPTY: True}
        return [*super().get_schema_operation_parameters(view), cursor]

    def _link(self, *, back: bool) -> str | None:
        place = self._walk.place_of(self._rows[0 if back else -1])
        url = remove_query_param(self._address, self.page_query_param)
        return self._sized(replace_query_param(url, self.cursor_query_param, _packed(int(back), *place)))


def _packed(*values: int | str) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unpacked(cursor: str) -> list[Any]:
    """What `_packed` was given; raises ValueError for what it never makes."""
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    values = (
        json.loads(base64.b64decode(padded, b"-_", validate=True)) if len(padded) <= LONGEST_CURSOR else None
    )
    if (
        not isinstance(values, list)
        or values[:1] not in ([0], [1])
        or not all(isinstance(each, str) for each in values[1:])
    ):
        raise ValueError("This is no cursor.")
    return values


def _order_of(queryset: QuerySet[Any]) -> list[str]:
    named: Sequence[Any] = queryset.query.order_by or queryset.model._meta.ordering or ()
    return [str(name) for name in named]


def _beyond(fields: Sequence[str], place: Sequence[Any], *, smaller: bool) -> Q:
    """What comes after `place` in the order of `fields`; the first condition is one that an index can use."""
    sign = "lt" if smaller else "gt"
    found = Q(**{f"{fields[0]}__{sign}e": place[0]})
    later = Q()
    for depth, name in enumerate(fields):
        same = dict(zip(fields[:depth], place, strict=False))
        later |= Q(**same, **{f"{name}__{sign}": place[depth]})
    return found & later
