"""Stock in the back office: levels, counting and correcting them, the ledger, and what is held for orders."""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.signing import BadSignature
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.stock import counts, operations
from apps.stock.errors import IdempotencyKeyReused
from apps.stock.forms import AdjustmentForm, CountForm, OnHandForm
from apps.stock.models import Movement, Reservation, State, StockItem
from shared.admin.figures import Figure, counted, figure
from shared.admin.options import ReadOnlyAdmin, only_posted
from shared.admin.parts import Tone, badge, table
from shared.admin.spreadsheets import UnreadableFile, csv_answer, read_csv
from shared.http.fields import OBJECT_ID
from shared.http.problems import Problem

LOW = 5  # available: time to order more
AVAILABLE = F("on_hand") - F("reserved")
LATEST = 10  # movements on the page of a level
NO_NAME = "(no name yet)"
TONES = {State.HELD: Tone.NEWS, State.COMMITTED: Tone.GOOD, State.REJECTED: Tone.BAD}


def product_link(product_id: str, name: str) -> SafeString:
    """A link to the level of a product."""
    address = reverse("admin:stock_stockitem_change", args=[product_id])
    return format_html('<a href="{}">{}</a>', address, name or product_id)


def order_link(order_id: UUID | None) -> SafeString | str:
    """A link to an order, in the order service's admin; nothing where there is none."""
    if order_id is None:
        return ""
    return format_html('<a href="/admin/order/order/{}/change/">{}</a>', order_id, order_id)


class Shown(admin.SimpleListFilter):
    """What to do something about; archived products need nothing."""

    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The levels to choose from: low, sold out."""
        return [("low", f"low: {LOW} or fewer available"), ("sold-out", "sold out"), ("archived", "archived")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockItem]) -> QuerySet[StockItem]:
        """The stock items of the chosen level."""
        if self.value() == "archived":
            return queryset.filter(is_active=False)
        most = {"low": LOW, "sold-out": 0}.get(self.value() or "")
        return queryset if most is None else at_most(queryset, most)


def at_most(levels: QuerySet[StockItem], available: int) -> QuerySet[StockItem]:
    """Those of what is sold of which no more are available."""
    return levels.filter(is_active=True).alias(left=AVAILABLE).filter(left__lte=available)


@figure("low")
def low() -> Figure:
    """What the filter "low" shows."""
    return counted(at_most(StockItem.objects.all(), LOW))


@figure("sold-out")
def sold_out() -> Figure:
    """What nobody can buy until more comes."""
    return counted(at_most(StockItem.objects.all(), 0))


@admin.register(StockItem)
class StockItemAdmin(ReadOnlyAdmin[StockItem]):
    """The levels, and one of them with its two forms."""

    list_display = ("title", "product_id", "on_hand", "reserved", "left", "is_sold", "updated_at")
    list_filter = (Shown,)
    ordering = ("-is_active", AVAILABLE.asc(), "product_id")
    search_fields = ("name",)
    search_help_text = "A part of the product's name, or its id"
    actions = ("export_selected",)
    change_list_template = "admin/stock/levels.html"
    change_form_template = "admin/stock/level.html"
    fields = (
        "product", "on_hand", "reserved", "left", "is_sold", "latest", "version", "product_version",
        "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="product", ordering="name")
    def title(self, item: StockItem) -> str:
        """The product's name."""
        return item.name or NO_NAME

    @admin.display(description="product")
    def product(self, item: StockItem) -> SafeString:
        """A link to the product, in the product service's admin."""
        return format_html(
            '<a href="/admin/product/product/{}/change/">{}</a> <code>{}</code>',
            item.product_id,
            item.name or NO_NAME,
            item.product_id,
        )

    @admin.display(description="available", ordering=AVAILABLE)
    def left(self, item: StockItem) -> SafeString | int:
        """What can still be promised to somebody, and whether that is little."""
        if not item.is_active or item.available > LOW:
            return item.available
        return (
            badge(f"{item.available}, low", Tone.WAIT) if item.available > 0 else badge("sold out", Tone.BAD)
        )

    @admin.display(description="sold", ordering="is_active", boolean=True)
    def is_sold(self, item: StockItem) -> bool:
        """Whether the catalogue has it; it is archived otherwise."""
        return item.is_active

    @admin.display(description="latest movements")
    def latest(self, item: StockItem) -> SafeString:
        """How it came to be so, newest first."""
        rows = (
            (
                f"{move.created_at:%Y-%m-%d %H:%M}",
                f"{move.delta:+d}",
                move.on_hand,
                move.kind,
                order_link(move.order_id) or move.reason,
            )
            for move in item.movements.all()[:LATEST]
        )
        columns = ("when", "change", "on hand", "kind", "why")
        return table("Latest movements", columns, rows, numbers=("change", "on hand"))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> StockItem | None:
        """The level; None also where what the address names is no id, which a database may not be asked for."""
        return (
            super().get_object(request, object_id, from_field) if re.fullmatch(OBJECT_ID, object_id) else None
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StockItem], search_term: str
    ) -> tuple[QuerySet[StockItem], bool]:
        """By id, exactly, or by a part of the name."""
        term = search_term.strip()
        if re.fullmatch(OBJECT_ID, term):
            return queryset.filter(pk=term), False
        return (queryset.filter(name__icontains=term) if term else queryset), False

    @admin.action(description="Export as CSV")
    def export_selected(self, request: HttpRequest, levels: QuerySet[StockItem]) -> HttpResponseBase:
        """A file that a count can be written into and that is understood when it comes back."""
        columns = ("product_id", "name", "on_hand", "reserved", "available", "is_sold")
        rows = (
            (
                item.pk,
                item.name,
                item.on_hand,
                item.reserved,
                item.available,
                "yes" if item.is_active else "no",
            )
            for item in levels.iterator()
        )
        return csv_answer("stock.csv", columns, rows)

    def get_urls(self) -> list[URLPattern]:
        """The two forms of one level, and the count of many."""
        wrapped = self.admin_site.admin_view
        one = "<product_id:product_id>"
        return [
            path("count/", wrapped(self.count), name="stock_stockitem_count"),
            path(f"{one}/do/set/", wrapped(only_posted(self.set_on_hand)), name="stock_stockitem_set"),
            path(f"{one}/do/adjust/", wrapped(only_posted(self.adjust)), name="stock_stockitem_adjust"),
            *super().get_urls(),
        ]

    def set_on_hand(self, request: HttpRequest, product_id: str) -> HttpResponse:
        """Set one product's quantity on hand, as its form says."""
        form = OnHandForm(request.POST)
        if not form.is_valid():
            return self._again(request, product_id, form, _errors_of(form))
        on_hand, seen = form.cleaned_data["on_hand"], form.cleaned_data["seen"]
        try:
            item = operations.set_on_hand(product_id, on_hand, _actor(request), counts.as_it_was_seen(seen))
        except Problem as problem:
            return self._again(request, product_id, form, [str(problem.detail)])
        return self._done(request, item, _told(seen, on_hand))

    def adjust(self, request: HttpRequest, product_id: str) -> HttpResponse:
        """So many of one product came or went."""
        form = AdjustmentForm(request.POST)
        if not form.is_valid():
            return self._again(request, product_id, form, _errors_of(form))
        delta, reason = form.cleaned_data["delta"], form.cleaned_data["reason"]
        try:
            movement = operations.adjust(
                product_id, delta, reason, _actor(request), key=str(form.cleaned_data["key"])
            )
        except IdempotencyKeyReused:
            sent = "This form was sent before, with other values. See what is on hand, then send it again."
            return self._again(request, product_id, form, [sent])
        except Problem as problem:
            return self._again(request, product_id, form, [str(problem.detail)])
        return self._done(request, movement.product, f"on hand {delta:+d}: {reason}")

    def _again(
        self, request: HttpRequest, product_id: str, form: Form, errors: Iterable[str]
    ) -> HttpResponse:
        """Back to the level's page, which says what is wrong and still has what was typed."""
        for error in errors:
            messages.error(request, error)
        typed = {name: request.POST.get(name, "")[:200] for name in form.fields if not form[name].is_hidden}
        page = reverse("admin:stock_stockitem_change", args=[product_id])
        return HttpResponseRedirect(f"{page}?{urlencode(typed)}")

    def _done(self, request: HttpRequest, item: StockItem, what: str) -> HttpResponse:
        messages.success(request, f"{item.name or item.product_id}: {what}.")
        return HttpResponseRedirect(reverse("admin:stock_stockitem_change", args=[item.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one level, with its forms as they were typed where something was wrong."""
        item = self.get_object(request, object_id)
        typed = {name: request.GET[name] for name in ("on_hand", "delta", "reason") if name in request.GET}
        forms = {
            "counted": OnHandForm(initial={"seen": item.on_hand if item else 0, **typed}),
            "adjustment": AdjustmentForm(initial=typed),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **forms})

    def count(self, request: HttpRequest) -> HttpResponse:
        """A count of many products: the form, what the file would change, and what it changed."""
        if "agreement" in request.POST:
            return self._counted(request)
        if request.method != "POST":
            return self._count_page(request, {})
        form = CountForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._count_page(request, {"wrong": _errors_of(form)})
        try:
            rows = counts.checked(read_csv(form.cleaned_data["file"], counts.COLUMNS, counts.MOST))
        except UnreadableFile as error:
            return self._count_page(request, {"wrong": [str(error)]})
        changing = [row for row in rows if row.change and not row.errors]
        report = {
            "rows": [row for row in rows if row.change or row.errors],
            "changing": len(changing),
            "wrong_rows": sum(bool(row.errors) for row in rows),
            "same": sum(not row.change and not row.errors for row in rows),
            "agreement": counts.agreement(changing) if changing else "",
        }
        return self._count_page(request, report)

    def _counted(self, request: HttpRequest) -> HttpResponse:
        try:
            rows = counts.agreed(request.POST["agreement"])
        except BadSignature:
            late = "What was agreed to cannot be read any more: send the file again."
            return self._count_page(request, {"wrong": [late]})
        done = counts.carry_out(rows, _actor(request))
        if done:
            messages.success(request, f"{done} {'level' if done == 1 else 'levels'} set.")
        failed = [row for row in rows if row.errors]
        if failed:
            return self._count_page(request, {"rows": failed, "failed": len(failed)})
        return HttpResponseRedirect(reverse("admin:stock_stockitem_changelist"))

    def _count_page(self, request: HttpRequest, report: dict[str, Any]) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Import a count (CSV)",
            "opts": self.opts,
            "form": CountForm(),
            "columns": counts.COLUMNS,
            "most": counts.MOST,
            **report,
        }
        return TemplateResponse(request, "admin/stock/count.html", context)


def _actor(request: HttpRequest) -> str:
    """Who does it: the user's name is the token's subject (`shared.admin.users`)."""
    return request.user.get_username()


def _told(before: int, after: int) -> str:
    return f"on hand {before} → {after}"


def _errors_of(form: Form) -> Sequence[str]:
    return [
        f"{form[name].label if name in form.fields else ''}: {error}"
        for name, errors in form.errors.items()
        for error in errors
    ]


@admin.register(Movement)
class MovementAdmin(ReadOnlyAdmin[Movement]):
    """The ledger: why there is as much as there is."""

    list_display = (
        "created_at", "product_name", "change", "on_hand", "kind", "order", "reason", "who",
    )  # fmt: skip
    list_filter = ("kind", "created_at")
    list_select_related = ("product",)
    ordering = ("-id",)
    sortable_by = ()  # a ledger has one order
    search_fields = ("product__name",)
    search_help_text = "A part of the product's name, or the id of a product, an order or a manager"
    fields = (
        "product_name", "change", "on_hand", "kind", "order", "reason", "who", "idempotency_key", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movement]:
        """With the name of the manager who did it, as far as they were ever here."""
        known = User.objects.filter(username=OuterRef("actor")).values("first_name")[:1]
        return super().get_queryset(request).annotate(actor_name=Subquery(known))

    @admin.display(description="product")
    def product_name(self, movement: Movement) -> SafeString:
        """A link to the level."""
        return product_link(movement.product_id, movement.product.name)

    @admin.display(description="change")
    def change(self, movement: Movement) -> str:
        """The movement's change, with its sign."""
        return f"{movement.delta:+d}"

    @admin.display(description="order")
    def order(self, movement: Movement) -> SafeString | str:
        """The order that it was sold to, or that gave it back."""
        return order_link(movement.order_id)

    @admin.display(description="by", empty_value="")
    def who(self, movement: Movement) -> str:
        """The manager, by name where it is known here."""
        return getattr(movement, "actor_name", None) or movement.actor

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Movement], search_term: str
    ) -> tuple[QuerySet[Movement], bool]:
        """By product, order or manager exactly, or by a part of the product's name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if re.fullmatch(OBJECT_ID, term):
            return queryset.filter(product_id=term), False
        try:
            exact = UUID(term)
        except ValueError:
            return queryset.filter(product__name__icontains=term), False
        return queryset.filter(order_id=exact) | queryset.filter(actor=str(exact)), False


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin[Reservation]):
    """What is held for orders, was sold to them, or came to nothing."""

    list_display = ("created_at", "order", "standing", "reason", "pieces", "expires_at")
    list_filter = ("state", "reason")
    # An order's id begins with the time it was placed at: the newest come first by the primary key, without a sort.
    ordering = ("-order_id",)
    sortable_by = ()
    search_fields = ("order_id",)
    search_help_text = "The id of an order or of a product"
    fields = (
        "order", "standing", "reason", "held_lines", "shortages", "unavailable", "expires_at", "created_at",
        "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="order")
    def order(self, reservation: Reservation) -> SafeString | str:
        """A link to the reservation's order."""
        return order_link(reservation.order_id)

    @admin.display(description="state")
    def standing(self, reservation: Reservation) -> SafeString:
        """The reservation's state."""
        return badge(reservation.get_state_display(), TONES.get(State(reservation.state)))

    @admin.display(description="pieces")
    def pieces(self, reservation: Reservation) -> int:
        """The sum of the reserved quantities."""
        return sum(reservation.lines.values())

    @admin.display(description="lines")
    def held_lines(self, reservation: Reservation) -> SafeString:
        """A table of the reserved products."""
        names = dict(StockItem.objects.filter(pk__in=reservation.lines).values_list("product_id", "name"))
        rows = (
            (quantity, product_link(product_id, names[product_id]) if product_id in names else product_id)
            for product_id, quantity in reservation.lines.items()
        )
        return table("Lines", ("quantity", "product"), rows, numbers=("quantity",))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """By order or product, exactly."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if re.fullmatch(OBJECT_ID, term):
            return queryset.filter(lines__has_key=term), False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.none(), False
