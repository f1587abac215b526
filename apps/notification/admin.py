"""Notifications in the back office: what each customer was told, and whether they have read it."""

import re
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.notification.models import Notification, NotificationRecord
from apps.notification.templates import TEMPLATES, name_of
from shared.admin.options import BoundedPaginator, ReadOnlyAdmin

KEY = re.compile(r"(?P<customer_id>[^\x00]{1,64})\.(?P<number>[0-9]{1,18})")


class Told(admin.SimpleListFilter):
    """By what happened to the order."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every event that customers are told of; not asked of the table, which is long."""
        return [(name, name) for name in map(name_of, TEMPLATES)]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[NotificationRecord]
    ) -> QuerySet[NotificationRecord]:
        """The notifications of the chosen event."""
        known = {name for name, _ in self.lookup_choices}
        return queryset.filter(event=self.value()) if self.value() in known else queryset


class Read(admin.SimpleListFilter):
    """By whether the customer has read it."""

    title = "read"
    parameter_name = "read"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Read and unread."""
        return [("yes", "read"), ("no", "not read yet")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[NotificationRecord]
    ) -> QuerySet[NotificationRecord]:
        """The notifications that were read, or those that were not."""
        is_unread = {"yes": False, "no": True}.get(self.value() or "")
        return queryset if is_unread is None else queryset.filter(read_at__isnull=is_unread)


class RecordPaginator(BoundedPaginator):
    """Estimates by the table: PostgreSQL knows nothing of a view's size."""

    estimated = Notification


@admin.register(NotificationRecord)
class NotificationAdmin(ReadOnlyAdmin[NotificationRecord]):
    """What everybody was told, newest first."""

    list_display = ("created_at", "title", "customer_id", "number", "event", "order", "read_at")
    list_filter = (Told, Read, "created_at")
    ordering = ("-created_at", "-key")
    sortable_by = ()  # a column without an index would be sorted whole
    paginator = RecordPaginator
    search_fields = ("customer_id",)
    search_help_text = "The id of a customer or of an order, or an order's number (MC-…)"
    fields = (
        "title", "body", "event", "customer_id", "number", "order", "created_at", "read_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="order")
    def order(self, record: NotificationRecord) -> SafeString:
        """A link to the order, in the order service's admin."""
        return format_html(
            '<a href="/admin/order/order/{}/change/">{}</a>',
            record.order_id,
            record.order_number or record.order_id,
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> NotificationRecord | None:
        """By the two columns of its key: they have an index, the two together have none."""
        named = KEY.fullmatch(object_id)
        if named is None:
            return None
        found: NotificationRecord | None = (
            self.get_queryset(request)
            .filter(customer_id=named["customer_id"], number=int(named["number"]))
            .first()
        )
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[NotificationRecord], search_term: str
    ) -> tuple[QuerySet[NotificationRecord], bool]:
        """By customer or order, exactly."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            exact = UUID(term)
        except ValueError:
            return queryset.filter(customer_id=term) | queryset.filter(order_number=term.upper()), False
        return queryset.filter(customer_id=term) | queryset.filter(order_id=exact), False
