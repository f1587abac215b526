"""Orders in the back office: what was bought, for whom, how far it has come; shipping, delivering, cancelling."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from apps.order import operations, search
from apps.order.models import Order, Status
from shared.admin.figures import Figure, counted, figure
from shared.admin.history import Line
from shared.admin.options import ReadOnlyAdmin, ask_first, for_each, only_posted
from shared.admin.parts import Tone, badge, table

CANCEL = "Cancel these orders? Their customers are told."
BY_THE_SHOP = "cancelled by the shop"
# Statuses that the saga takes an order to; the order remembers when as long as it is in one of them.
BY_THE_PLATFORM = (Status.CONFIRMED, Status.REJECTED, Status.CANCELLED)


def cancel(order: Order) -> Order:
    """Request the cancellation of an order for a manager."""
    return operations.cancel(order.id, BY_THE_SHOP, only_of=None)


# what a button is called -> what it does, how it is told, and the statuses from which it may
STEPS = {
    "ship": (lambda order: operations.ship(order.id), "shipped", {Status.CONFIRMED}),
    "deliver": (lambda order: operations.deliver(order.id), "delivered", {Status.SHIPPED}),
    "cancel": (cancel, "asked to be cancelled", {Status.SUBMITTED, Status.CONFIRMED}),
}
TONES = {
    Status.SUBMITTED: Tone.NEWS,
    Status.CONFIRMED: Tone.WAIT,  # somebody has to pack it
    Status.SHIPPED: Tone.NEWS,
    Status.DELIVERED: Tone.GOOD,
    Status.REJECTED: Tone.BAD,
}


@figure("to-ship")
def to_ship() -> Figure:
    """Confirmed orders that are not shipped."""
    return counted(Order.objects.filter(status=Status.CONFIRMED), since="created_at")


@figure("being-placed")
def being_placed() -> Figure:
    """Ordered, and neither confirmed nor refused yet: seconds, unless something is wrong."""
    return counted(Order.objects.filter(status=Status.SUBMITTED), since="created_at")


@figure("on-the-way")
def on_the_way() -> Figure:
    """Shipped; nobody has said that they arrived."""
    return counted(Order.objects.filter(status=Status.SHIPPED), since="created_at")


class Age(admin.SimpleListFilter):
    """How long ago it was placed: what has waited for too long, beside a status."""

    title = "placed"
    parameter_name = "older"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The ages to choose from, in hours."""
        return [
            ("1", "more than an hour ago"),
            ("24", "more than a day ago"),
            ("72", "more than three days ago"),
            ("168", "more than a week ago"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """The orders that are at least so old."""
        hours = {key: int(key) for key, _ in self.lookup_choices}.get(self.value() or "")
        before = None if hours is None else timezone.now() - timedelta(hours=hours)
        return queryset if before is None else queryset.filter(created_at__lte=before)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin[Order]):
    """The list of orders, and one order as it was bought."""

    list_display = (
        "number",
        "standing",
        "age",
        "price",
        "recipient",
        "customer",
        "email",
        "cancelling",
    )
    list_filter = ("status", Age, "created_at")
    ordering = ("-created_at", "-id")
    search_fields = ("customer_id",)
    search_help_text = search.HELP
    actions = ("ship_selected", "deliver_selected", "cancel_selected")
    change_form_template = "admin/order/order.html"
    fields = (
        "number", "standing", "status_reason", "cancelling", "bought_lines", "price", "address", "customer",
        "email", "customer_links", "created_at", "updated_at", "id",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="status", ordering="status")
    def standing(self, order: Order) -> SafeString:
        """The order's status, marked by how it should be looked at."""
        return badge(order.get_status_display(), TONES.get(Status(order.status)))

    @admin.display(description="age", ordering="-created_at")
    def age(self, order: Order) -> str:
        """How long ago it was placed."""
        return timesince(order.created_at, depth=1)

    @admin.display(description="total", ordering="total")
    def price(self, order: Order) -> str:
        """The order's total with its currency."""
        return f"{order.total:.2f} {order.currency}"

    @admin.display(description="for")
    def recipient(self, order: Order) -> str:
        """The name on the parcel."""
        return str(order.shipping_address.get("name", ""))

    @admin.display(description="customer")
    def customer(self, order: Order) -> str:
        """Who ordered: the user name, or the id where the name was not kept."""
        return order.customer_name or order.customer_id

    @admin.display(description="e-mail", empty_value="")
    def email(self, order: Order) -> str | None:
        """The address that Keycloak had of the customer; not proven to be theirs."""
        return order.customer_email

    @admin.display(description="customer's pages")
    def customer_links(self, order: Order) -> SafeString:
        """What else there is of whoever ordered."""
        links = (
            ("/admin/order/order/", "q", "orders"),
            ("/admin/basket/", "customer", "basket"),
            ("/admin/notification/notificationrecord/", "q", "notifications"),
        )
        shown = (f"{page}?{urlencode({name: order.customer_id})}" for page, name, _ in links)
        rows = ((address, text) for address, (_, _, text) in zip(shown, links, strict=True))
        return format_html(
            "{} (<code>{}</code>)",
            format_html_join(SafeString(" · "), '<a href="{}">{}</a>', rows),
            order.customer_id,
        )

    @admin.display(description="cancellation", empty_value="")
    def cancelling(self, order: Order) -> str:
        """Whether somebody wants it undone and the saga has not decided."""
        return "asked for" if order.is_being_cancelled else ""

    @admin.display(description="lines")
    def bought_lines(self, order: Order) -> SafeString:
        """What was bought, at which price."""
        rows = (
            (
                line.quantity,
                format_html('<a href="/admin/product/product/{}/change/">{}</a>', line.product_id, line.name),
                f"{line.unit_price:.2f}",
                f"{line.line_total:.2f}",
            )
            for line in order.bought
        )
        columns = ("quantity", "product", "each", "together")
        return table("What was bought", columns, rows, numbers=("quantity", "each", "together"))

    @admin.display(description="address")
    def address(self, order: Order) -> SafeString:
        """The shipping address, a line each."""
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in address_lines(order)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """By what `search` knows an index for."""
        return search.matching(queryset, search_term), False

    @admin.action(description="Ship")
    def ship_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        """Ship each selected order."""
        self._do(request, "ship", orders)

    @admin.action(description="Deliver")
    def deliver_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        """Mark each selected order as delivered."""
        self._do(request, "deliver", orders)

    @admin.action(description="Cancel")
    def cancel_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Each of them is to be undone, which nothing brings back."""
        return self._cancel(request, orders)

    def get_urls(self) -> list[URLPattern]:
        """The buttons of one order, and its packing slip."""
        wrapped = self.admin_site.admin_view
        return [
            path(
                "<uuid:order_id>/packing-slip/", wrapped(self.packing_slip), name="order_order_packing_slip"
            ),
            path("<uuid:order_id>/do/<str:step>/", wrapped(only_posted(self.step)), name="order_order_step"),
            *super().get_urls(),
        ]

    def step(self, request: HttpRequest, order_id: UUID, step: str) -> HttpResponse:
        """Ship, deliver or cancel one order by its page's button."""
        order = get_object_or_404(Order, pk=order_id)
        back = reverse("admin:order_order_change", args=[order_id])
        page = None
        if step == "cancel":
            page = self._cancel(request, Order.objects.filter(pk=order_id), back)
        elif step in STEPS:
            self._do(request, step, [order])
        return page or HttpResponseRedirect(back)

    def packing_slip(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """A page to print and put into the parcel."""
        order = get_object_or_404(Order.objects.prefetch_related("lines"), pk=order_id)
        return render(
            request, "admin/order/packing_slip.html", {"order": order, "address": address_lines(order)}
        )

    def known_of(self, row: Order) -> list[Line]:
        """What its customer and the platform did, as far as the order itself remembers when."""
        placed = Line(row.created_at, "its customer", "placed", source="API", actor_id=row.customer_id)
        if row.status in BY_THE_PLATFORM and not (row.status == Status.CONFIRMED and row.is_being_cancelled):
            done = Line(row.updated_at, "the platform", row.status, row.reason, source="platform")
            return [done, placed]
        return [placed]

    def role_of(self, row: Order, actor_id: str) -> str:
        """Whether it is the one who bought it."""
        return "its customer" if actor_id == row.customer_id else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one order, with the buttons that it can have now."""
        order = self.get_object(request, object_id)
        may = [] if order is None or order.is_being_cancelled else _steps_from(order.status)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "steps": may})

    def _cancel(self, request: HttpRequest, orders: QuerySet[Order], back: str = "") -> HttpResponse | None:
        page = ask_first(request, self.admin_site, orders, "cancel_selected", CANCEL, back)
        if page is None:
            self._do(request, "cancel", orders)
        return page

    def _do(self, request: HttpRequest, step: str, orders: Any) -> None:
        operation, done, _ = STEPS[step]
        for_each(request, orders, operation, done)


def _steps_from(status: str) -> list[str]:
    return [name for name, (_, _, origins) in STEPS.items() if status in origins]


def address_lines(order: Order) -> list[str]:
    """The address as it stands on a parcel."""
    known = order.shipping_address
    place = f"{known.get('postal_code', '')} {known.get('city', '')}".strip()
    return [
        line
        for line in (known.get("name"), known.get("line1"), known.get("line2"), place, known.get("country"))
        if line
    ]
