"""The History page of every object: what was written down of it (`shared.history`), and what its row itself tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst

from shared.history.models import Change

Row = TypeVar("Row", bound=Model)
LINES = 50  # on a page


@dataclass(frozen=True)
class Line:
    """One line of a history, with the names that `Change` has: what somebody did that was not written down apart."""

    at: datetime
    who: str
    action: str
    reason: str = ""
    fields: Sequence[tuple[str, str, str]] = ()
    source: str = ""
    actor_id: str = ""

    @property
    def get_source_display(self) -> str:
        """As a `Change` has it."""
        return self.source


class Lines(Sequence[Change | Line]):
    """The written changes of an object and `known` lines among them, newest first; a slice reads that many rows."""

    def __init__(self, changes: "QuerySet[Change]", known: Sequence[Line]) -> None:
        self._changes = changes
        self._known = list(known)

    def __len__(self) -> int:
        return self._changes.count() + len(self._known)

    @overload
    def __getitem__(self, place: int) -> Change | Line: ...
    @overload
    def __getitem__(self, place: slice) -> list[Change | Line]: ...
    def __getitem__(self, place: int | slice) -> Change | Line | list[Change | Line]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        first, last, _ = place.indices(len(self))
        # No known line moves a change by more than one place: so far ahead begins what has to be read.
        begin = max(0, first - len(self._known))
        read: list[Change | Line] = [*self._known, *self._changes[begin:last]]
        read.sort(key=lambda line: line.at, reverse=True)
        return read[first - begin : last - begin]


if TYPE_CHECKING:

    class _ModelAdmin(ModelAdmin[Row]):
        """Django's, which has type parameters only for a type checker."""
else:

    class _ModelAdmin(ModelAdmin, Generic[Row]):
        """Django's."""


class WithHistory(_ModelAdmin[Row]):
    """For a `ModelAdmin` whose rows change by operations that write down what they do."""

    object_history_template = "admin/object_history.html"

    def known_of(self, row: Any) -> Sequence[Line]:
        """What the row itself tells of what became of it, and nobody wrote down apart."""
        return ()

    def role_of(self, row: Any, actor_id: str) -> str:
        """What somebody who changed `row` is to it, in words; usually nothing."""
        return ""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The lines of one object, newest first; also of one that is gone."""
        key = unquote(object_id)
        row = self.get_object(request, key)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        changes = changes_of(self.model, key)
        if row is None and not changes.exists():
            return self._get_obj_does_not_exist_redirect(request, self.opts, key)  # type: ignore[attr-defined,no-any-return]
        page = Paginator(Lines(changes, self.known_of(row) if row else ()), LINES).get_page(
            request.GET.get(PAGE_VAR)
        )
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row or changes[0].object_name}",
            "opts": self.opts,
            "plural": capfirst(self.opts.verbose_name_plural),
            "object": row,
            "lines": [(line, self._role_in(row, line)) for line in page],
            "page": page,
            "pages": page.paginator.get_elided_page_range(page.number),
            "page_var": PAGE_VAR,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.object_history_template, context)

    def _role_in(self, row: Row | None, line: Change | Line) -> str:
        is_named = row is not None and isinstance(line, Change) and line.actor_id
        return self.role_of(row, line.actor_id) if is_named else ""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The operation has written it down."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The operation has written it down."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The operation has written it down."""


def changes_of(model: type[Model], key: str) -> "QuerySet[Change]":
    """What was written down of one object."""
    if "\x00" in key:  # PostgreSQL may not be asked for one
        return Change.objects.none()
    return Change.objects.filter(model=model._meta.model_name, object_id=key)


def changes_by(actor_id: str) -> str:
    """Where the admin lists all that somebody did in this service."""
    return f"{reverse('admin:history_change_changelist')}?{urlencode({'actor_id': actor_id})}"
