"""Sagas and dead letters in the back office: what is stuck, what was given up, and what to do about it."""

import base64
import contextlib
import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.saga import dead_letters, orchestrator
from apps.saga.errors import SagaFinished
from apps.saga.models import SHOWN, STUCK, DeadLetter, Saga, Status
from apps.saga.serializers import text
from shared.admin.figures import Figure, counted, figure
from shared.admin.options import FirstPaginator, ReadOnlyAdmin, ask_first, for_each, only_posted
from shared.admin.parts import Tone, badge, table
from shared.contracts.topics import REPLAYS, WITH_DEAD_LETTERS

PAYLOAD_SHOWN = 20_000  # bytes
TONES = {
    STUCK: Tone.BAD,
    Status.RUNNING: Tone.NEWS,
    Status.COMPENSATING: Tone.NEWS,
    Status.COMPLETED: Tone.GOOD,
}
LETTER_TONES = {DeadLetter.Status.WAITING: Tone.WAIT, DeadLetter.Status.REPLAYED: Tone.GOOD}


@figure("stuck")
def stuck() -> Figure:
    """A step has used up its retries: somebody has to look."""
    return counted(Saga.objects.filter(is_stuck=True), since="created_at")


@figure("dead-letters")
def waiting() -> Figure:
    """Given up by a service, and neither replayed nor discarded."""
    return counted(DeadLetter.objects.filter(status=DeadLetter.Status.WAITING), since="created_at", by="id")


class ShownStatus(admin.SimpleListFilter):
    """As the API has it: a stuck saga is only that."""

    title = "status"
    parameter_name = "shown"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Stuck ones first: they wait for somebody."""
        return [(STUCK, STUCK), *((str(value), str(label)) for value, label in SHOWN if value != STUCK)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Saga]) -> QuerySet[Saga]:
        """The sagas with the chosen status."""
        if self.value() == STUCK:
            return queryset.filter(is_stuck=True)
        return queryset.filter(status=self.value(), is_stuck=False) if self.value() else queryset


class StuckFirst(FirstPaginator):
    """What waits for somebody stands at the top."""

    first: ClassVar = {"is_stuck": True}


def retry(saga: Saga) -> None:
    """Ask the current step again; raises SagaFinished where there is nothing to ask."""
    found = orchestrator.wake_by_hand(saga.id)
    if found is None or found.has_ended:
        raise SagaFinished("There is nothing to wake.")


@admin.register(Saga)
class SagaAdmin(ReadOnlyAdmin[Saga]):
    """How each order was placed."""

    list_display_links = ("shown",)  # the order is a link of its own
    list_display = ("shown", "order", "step", "deadline", "created_at", "customer_id")
    list_filter = (ShownStatus, "created_at")
    ordering = ("-is_stuck", "-created_at", "-id")
    paginator = StuckFirst
    search_fields = ("customer_id",)
    search_help_text = "The id of an order, a saga or a customer"
    actions = ("retry_selected",)
    change_form_template = "admin/saga/saga.html"
    fields = (
        "order",
        "shown",
        "reason",
        "step",
        "deadline",
        "progress",
        "timeline",
        "customer_id",
        "trace_id",
        "id",
    )
    readonly_fields = fields

    @admin.display(description="order", ordering="order_id")
    def order(self, saga: Saga) -> SafeString:
        """A link to the order, in the order service's admin."""
        return format_html('<a href="/admin/order/order/{}/change/">{}</a>', saga.order_id, saga.order_id)

    @admin.display(description="status", ordering="status")
    def shown(self, saga: Saga) -> SafeString:
        """The saga's status as the API names it."""
        return badge(saga.shown_status, TONES.get(saga.shown_status))

    @admin.display(description="steps")
    def progress(self, saga: Saga) -> SafeString:
        """A table of the saga's steps."""
        rows = (
            (
                step["name"],
                step["status"],
                step["attempts"],
                step["started_at"] or "",
                step["finished_at"] or "",
                step["error"] or "",
            )
            for step in saga.steps
        )
        return table(
            "Steps", ("step", "status", "tries", "began", "ended", "error"), rows, numbers=("tries",)
        )

    @admin.display(description="timeline")
    def timeline(self, saga: Saga) -> SafeString:
        """The saga's history, oldest first."""
        lines = ((line["at"], line["event"], line["detail"]) for line in saga.history)
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{} <strong>{}</strong> {}", lines))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Saga], search_term: str
    ) -> tuple[QuerySet[Saga], bool]:
        """By id, exactly."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(customer_id=term)
        try:
            exact = UUID(term)
        except ValueError:
            return found, False
        return found | queryset.filter(pk=exact) | queryset.filter(order_id=exact), False

    @admin.action(description="Retry")
    def retry_selected(self, request: HttpRequest, sagas: QuerySet[Saga]) -> None:
        """Ask the current step of each again."""
        for_each(request, sagas, retry, "tried again")

    def get_urls(self) -> list[URLPattern]:
        """The address of a saga's retry button."""
        view = self.admin_site.admin_view(only_posted(self.retry_one))
        return [path("<uuid:saga_id>/do/retry/", view, name="saga_saga_retry"), *super().get_urls()]

    def retry_one(self, request: HttpRequest, saga_id: UUID) -> HttpResponse:
        """Ask the current step of one saga again."""
        self.retry_selected(request, Saga.objects.filter(pk=saga_id))
        return HttpResponseRedirect(reverse("admin:saga_saga_change", args=[saga_id]))


# what a button is called -> what it does, how it is told, what is asked before
SETTLE: dict[str, tuple[Any, str, str]] = {
    "replay": (
        lambda letter: dead_letters.replay(letter.pk),
        "replayed",
        "Replay these messages to the service that failed to handle them?",
    ),
    "discard": (
        lambda letter: dead_letters.discard(letter.pk),
        "discarded",
        "Discard these messages permanently?",
    ),
}


class NamedFilter(admin.SimpleListFilter):
    """The rows whose `parameter_name` is a name that the platform knows.

    Django's own filter would ask the table for its distinct values, and look at every row for it.
    """

    names: ClassVar[tuple[str, ...]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The names to choose from."""
        return [(name, name) for name in self.names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        """The rows with the chosen name."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class ServiceFilter(NamedFilter):
    """Filters dead letters by the service that failed to handle them."""

    title = parameter_name = "service"
    names: ClassVar = tuple(REPLAYS)


class TopicFilter(NamedFilter):
    """Filters dead letters by topic."""

    title = parameter_name = "topic"
    names: ClassVar = tuple(topic.name for topic in WITH_DEAD_LETTERS)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin[DeadLetter]):
    """Messages that a service gave up on."""

    list_display = ("__str__", "standing", "service", "error", "attempts", "created_at")
    list_filter = ("status", ServiceFilter, TopicFilter, "created_at")
    ordering = ("-id",)
    search_fields = ("error",)
    actions = ("replay_selected", "discard_selected")
    change_form_template = "admin/saga/dead_letter.html"
    fields = (
        "topic",
        "partition",
        "offset",
        "standing",
        "service",
        "error",
        "attempts",
        "message_key",
        "header_table",
        "body",
        "created_at",
    )
    readonly_fields = fields

    @admin.display(description="status", ordering="status")
    def standing(self, letter: DeadLetter) -> SafeString:
        """The dead letter's status."""
        return badge(letter.get_status_display(), LETTER_TONES.get(DeadLetter.Status(letter.status)))

    @admin.display(description="key")
    def message_key(self, letter: DeadLetter) -> str:
        """The aggregate's id."""
        return "" if letter.key is None else text(bytes(letter.key))

    @admin.display(description="headers")
    def header_table(self, letter: DeadLetter) -> SafeString:
        """Each header as it came."""
        rows = (
            (name, "" if value is None else text(base64.b64decode(value))) for name, value in letter.headers
        )
        return table("Headers", ("name", "value"), rows)

    @admin.display(description="payload")
    def body(self, letter: DeadLetter) -> SafeString:
        """The payload: JSON set out, anything else as it is."""
        found = text(bytes(letter.payload)[:PAYLOAD_SHOWN])
        with contextlib.suppress(ValueError):
            found = json.dumps(json.loads(found), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", found)

    @admin.action(description="Replay")
    def replay_selected(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Replay each selected dead letter."""
        return self._settle(request, letters, "replay")

    @admin.action(description="Discard")
    def discard_selected(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Discard each selected dead letter."""
        return self._settle(request, letters, "discard")

    def get_urls(self) -> list[URLPattern]:
        """The buttons of one dead letter."""
        view = self.admin_site.admin_view(only_posted(self.settle_one))
        return [
            path("<int:letter_id>/do/<str:action>/", view, name="saga_deadletter_do"),
            *super().get_urls(),
        ]

    def settle_one(self, request: HttpRequest, letter_id: int, action: str) -> HttpResponse:
        """Replay or discard one."""
        if action not in SETTLE:
            raise Http404
        back = reverse("admin:saga_deadletter_change", args=[letter_id])
        page = self._settle(request, DeadLetter.objects.filter(pk=letter_id), action, back)
        return page or HttpResponseRedirect(back)

    def _settle(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], action: str, back: str = ""
    ) -> HttpResponse | None:
        page = ask_first(request, self.admin_site, letters, f"{action}_selected", SETTLE[action][2], back)
        if page is None:
            self._do(request, letters, action)
        return page

    def _do(self, request: HttpRequest, letters: QuerySet[DeadLetter], action: str) -> None:
        operation, done, _ = SETTLE[action]
        for_each(request, letters.defer("payload", "headers"), operation, done)
