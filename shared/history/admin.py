"""All changes of a service, newest first: read-only, by person, source, date and kind of object."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Page
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shared.admin.history import changes_by
from shared.admin.options import BoundedPaginator, ReadOnlyAdmin
from shared.history.models import Change
from shared.history.newest import newest

LATELY = 1000  # changes among which the persons to choose from are found
PERSONS = 20


class Person(admin.SimpleListFilter):
    """By who did it: those who did something lately, and whoever was asked for."""

    title = "user"
    parameter_name = "actor_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The persons, by name."""
        latest = newest(Change.objects.all(), slice(0, LATELY), ("actor_id", "actor_name"))
        names = {
            each.actor_id: each.actor_name or each.actor_id for each in reversed(latest) if each.actor_id
        }
        asked = request.GET.get(self.parameter_name, "").replace("\x00", "")
        shown = dict(sorted(names.items(), key=lambda item: item[1])[:PERSONS])
        if asked and asked not in shown:
            known = newest(Change.objects.filter(actor_id=asked), slice(0, 1), ("actor_name",))
            shown[asked] = (known and known[0].actor_name) or asked
        return list(shown.items())

    def has_output(self) -> bool:
        """Also where there is one person alone: the filter says who it is."""
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """What the chosen person did."""
        asked = (self.value() or "").replace("\x00", "")  # PostgreSQL may not be asked for one
        return queryset.filter(actor_id=asked) if asked else queryset


class Kind(admin.SimpleListFilter):
    """By what was changed; the service's own list of it, since the table is long."""

    title = "object"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds that this admin shows."""
        return [(name, str(model._meta.verbose_name)) for name, model in kinds(model_admin).items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        """The changes of that kind."""
        known = {name for name, _ in self.lookup_choices}
        return queryset.filter(model=self.value()) if self.value() in known else queryset


def kinds(of: "admin.ModelAdmin[Any]") -> dict[str, type[Model]]:
    """The models that the admin shows, by name."""
    models = {str(model._meta.model_name): model for model in of.admin_site._registry}  # noqa: SLF001 - Django has no public way
    return {name: model for name, model in models.items() if model is not Change}


class ChangePaginator(BoundedPaginator):
    """Pages in the order of the list's indexes."""

    def page(self, number: int | str) -> "Page[Any]":
        """One page, without the others being read."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = newest(self.object_list, slice(first, first + self.per_page))  # type: ignore[arg-type]
        return Page(rows, number, self)


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin[Change]):
    """Who changed what in this service."""

    paginator = ChangePaginator
    list_display = ("when", "who", "source", "what", "changed")
    list_display_links = ("when",)
    list_filter = (Person, "source", "at", Kind)
    ordering = ("-at", "-id")
    sortable_by = ()  # every other order would sort a long table
    search_fields = ("object_id",)
    search_help_text = "The id of an object, or the name or id of a person, exactly"
    fields = ("when", "who", "actor_id", "source", "what", "changed", "object_id")
    readonly_fields = fields

    @admin.display(description="time", ordering="-at")
    def when(self, change: Change) -> SafeString:
        """With its time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', change.at.isoformat(), f"{change.at:%Y-%m-%d %H:%M:%S %Z}"
        )

    @admin.display(description="user")
    def who(self, change: Change) -> SafeString | str:
        """Their name, and all that they did."""
        if not change.actor_id:
            return change.who
        return format_html(
            '<a href="{}" title="{}">{}</a>', changes_by(change.actor_id), change.actor_id, change.who
        )

    @admin.display(description="object")
    def what(self, change: Change) -> SafeString:
        """What was changed, with its history."""
        model = kinds(self).get(change.model)
        if model is None:
            return format_html("{} {}", change.model, change.object_name)
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_history"
        address = reverse(name, args=[admin.utils.quote(change.object_id)])
        return format_html('{} <a href="{}">{}</a>', model._meta.verbose_name, address, change.object_name)

    @admin.display(description="change")
    def changed(self, change: Change) -> SafeString:
        """The action, its reason, each field's old and new value."""
        return render_to_string("admin/what_changed.html", {"change": change})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Change], search_term: str
    ) -> tuple[QuerySet[Change], bool]:
        """By person or object, each by its own index: an index serves no alternative of two columns in order."""
        term = search_term.strip()
        if not term:
            return queryset, False
        for field in ("actor_name", "actor_id"):
            if Change.objects.filter(**{field: term}).exists():
                return queryset.filter(**{field: term}), False
        return queryset.filter(model__in=kinds(self), object_id=term), False
