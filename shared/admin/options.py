"""What the admins of the services have in common: pages that change nothing by themselves, and operations for many."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, wraps
from itertools import islice
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import AdminSite, ShowFacets
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse

from shared.admin.history import Row, WithHistory
from shared.http.problems import Problem, StoreUnavailable, is_store_away

COUNTED = 10_000  # rows: a list is counted exactly up to here, as people read no further
MOST = 1_000  # rows at once: the gateway waits half a minute for all of them
SECONDS = 22.0  # then it ends, and says how many are left
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


TOO_MANY = f"{MOST:,} at once are the most, nothing was done: search or filter for fewer."


def for_each(
    request: HttpRequest,
    rows: Iterable[Row],
    operation: Callable[[Row], object],
    done: str,
) -> None:
    """Do `operation` with each row by itself, and tell how many went well and why others did not.

    `done` is a past participle ("shipped"). Nothing is done to more than `MOST`; what there is no time for is counted.
    """
    give_up_at = time.monotonic() + SECONDS
    chosen = list(rows[: MOST + 1] if isinstance(rows, QuerySet) else islice(rows, MOST + 1))
    if len(chosen) > MOST:
        messages.error(request, TOO_MANY)
        return
    good, failures = 0, list[str]()
    for at, row in enumerate(chosen):
        if time.monotonic() > give_up_at:
            messages.warning(
                request, f"{len(chosen) - at} are left, there was no time for them: do it again for these."
            )
            break
        why, is_the_end = _why_not(row, operation)
        if why:
            failures.append(why)
        else:
            good += 1
        if is_the_end:
            break
    _tell(request, good, failures, done)


def _tell(request: HttpRequest, good: int, failures: Sequence[str], done: str) -> None:
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
        if problem.status_code == StoreUnavailable.status_code:
            return f"{row}, and what comes after it: {problem.detail}", True
        return f"{row}: {problem.detail}", False
    except Exception as error:
        if not is_store_away(error):
            raise
        return f"{row}, and what comes after it: a store cannot be reached ({error}).", True
    return "", False


def ask_first(
    request: HttpRequest, site: AdminSite, rows: QuerySet[Any], action: str, question: str, back: str = ""
) -> HttpResponse | None:
    """A page that asks before `action` is done to `rows`; None once somebody has said yes.

    Who says yes agrees to these rows, by their ids: what matches a filter by then may be something else. More than
    `MOST` are not asked about. `back` is where a no leads; without it, to the list that the action was chosen in.
    """
    if request.POST.get("confirmed") and request.POST.get("select_across") != "1":
        return None
    back = back or request.get_full_path()
    ids = list(rows.values_list("pk", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        messages.error(request, TOO_MANY)
        return HttpResponseRedirect(back)
    shown = ids[:SHOWN_BEFORE]
    context = {
        **site.each_context(request),
        "title": question,
        "rows": rows.model._default_manager.filter(pk__in=shown),
        "more": len(ids) - len(shown),
        "action": action,
        "back": back,
        "ids": ids,
    }
    return TemplateResponse(request, "admin/ask_first.html", context)


def only_posted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`view` for a form that is sent; whoever comes to its address otherwise is led to the page that the form is on.

    So does a browser after a sign-in that had ended meanwhile: the form was not sent then, and nothing was done.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **known: Any) -> HttpResponse:
        if request.method == "POST":
            return view(request, *args, **known)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        messages.warning(request, "Nothing was done: send the form again.")
        page, is_of_one, _ = request.path.rpartition("/do/")
        return HttpResponseRedirect(
            f"{page}/change/" if is_of_one else f"{request.path.rstrip('/').rpartition('/')[0]}/"
        )

    return wrapped
