"""What the admins of the services have in common: pages that change nothing by themselves, and operations for many."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import AdminSite, ShowFacets
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from shared.admin.history import Row, WithHistory
from shared.http.problems import Problem, is_store_away

COUNTED = 10_000  # rows: a list is counted exactly up to here, as people read no further
FAILURES_SHOWN = 5
SHOWN_BEFORE = 50  # rows that are listed before something is done to all of them


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than people would turn pages: on a large table an exact count costs more than the page."""

    estimated: ClassVar[type[Model] | None] = (
        None  # whose table is estimated, where the rows are those of a view
    )

    @cached_property
    def count(self) -> int:
        """How many there are, `COUNTED` at most; of a whole table that is larger, the database's own estimate."""
        found = self.object_list
        if not isinstance(found, QuerySet):
            return len(found)
        if connection.vendor == "mongodb":
            return self._count_on_mongodb(found)
        exact = found.order_by()[: COUNTED + 1].count()
        if exact <= COUNTED or found.query.where or connection.vendor != "postgresql":
            return min(exact, COUNTED)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                [(self.estimated or found.model)._meta.db_table],
            )
            return max(int(cursor.fetchone()[0]), exact)

    def _count_on_mongodb(self, found: QuerySet[Any]) -> int:
        if not found.query.where:
            mongo: Any = connection  # Django's type does not know this backend's connection
            return int(mongo.get_collection(found.model._meta.db_table).estimated_document_count())
        return min(found.order_by()[: COUNTED + 1].count(), COUNTED)


class FirstPaginator(BoundedPaginator):
    """For a list that begins with the few rows that are `first`, in the order of an index in both parts.

    PostgreSQL would sort the whole table for it. `first` needs an index of its own, of those rows alone.
    """

    first: ClassVar[dict[str, Any]]  # what distinguishes them, as for `filter()`

    def page(self, number: int | str) -> "Page[Any]":
        """The page: of the rows that come first, of the others, or where both meet."""
        ordered = self.object_list
        (name,) = self.first
        if not isinstance(ordered, QuerySet) or ordered.query.order_by[:1] != (f"-{name}",):
            return super().page(number)
        number = self.validate_number(number)
        rest = ordered.query.order_by[1:]
        first, others = (
            found.order_by(*rest) for found in (ordered.filter(**self.first), ordered.exclude(**self.first))
        )
        begin = (number - 1) * self.per_page
        end = begin + self.per_page
        before = first[: end + 1].count()
        rows = [*first[begin:end], *others[max(begin - before, 0) : max(end - before, 0)]]
        return self._get_page(rows, number, self)  # type: ignore[attr-defined,no-any-return]


class ReadOnlyAdmin(WithHistory[Row]):
    """Shows rows and offers operations; nothing is changed by typing into a form."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    actions_selection_counter = True
    show_facets = ShowFacets.NEVER  # they would count every row for each choice of a filter

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody writes a row here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows change by operations."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is forgotten by hand."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's deletion."""
        return {
            name: action for name, action in super().get_actions(request).items() if name != "delete_selected"
        }


def for_each(
    request: HttpRequest,
    rows: Iterable[Row],
    operation: Callable[[Row], object],
    done: str,
) -> None:
    """Do `operation` with each row by itself, and tell how many went well and why others did not.

    `done` is a past participle ("shipped").
    """
    good, failures = 0, []
    for row in rows:
        why, is_the_end = _why_not(row, operation)
        if why:
            failures.append(why)
        else:
            good += 1
        if is_the_end:
            break
    if good:
        messages.success(request, f"{good} {done}.")
    for failure in failures[:FAILURES_SHOWN]:
        messages.error(request, failure)
    if len(failures) > FAILURES_SHOWN:
        messages.error(request, f"And {len(failures) - FAILURES_SHOWN} more could not be {done}.")


def _why_not(row: Row, operation: Callable[[Row], object]) -> tuple[str, bool]:
    """Why `operation` did not go well, empty where it did; and whether it makes no sense to go on with other rows."""
    try:
        operation(row)
    except Problem as problem:
        return f"{row}: {problem.detail}", False
    except Exception as error:
        if not is_store_away(error):
            raise
        return f"{row}, and what comes after it: a store cannot be reached ({error}).", True
    return "", False


def ask_first(
    request: HttpRequest, site: AdminSite, rows: QuerySet[Any], action: str, question: str, back: str = ""
) -> TemplateResponse | None:
    """A page that asks before `action` is done to `rows`; None once somebody has said yes.

    `back` is where a no leads; without it, to the list that the action was chosen in.
    """
    if request.POST.get("confirmed"):
        return None
    shown = list(rows[:SHOWN_BEFORE])
    context = {
        **site.each_context(request),
        "title": question,
        "rows": shown,
        "more": rows.count() - len(shown),
        "action": action,
        "back": back or request.get_full_path(),
        "ids": request.POST.getlist("_selected_action"),
        "everything": request.POST.get("select_across") == "1",
    }
    return TemplateResponse(request, "admin/ask_first.html", context)
