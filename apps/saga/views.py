"""The saga API: customers see their own, managers see all, wake what is stuck and settle dead letters."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.saga import dead_letters, orchestrator
from apps.saga.errors import DeadLetterSettled, KafkaAway, NobodyToReplayTo, OfLaterRelease, SagaFinished
from apps.saga.models import SHOWN, STUCK, DeadLetter, Saga, Status
from apps.saga.serializers import DeadLetterSerializer, SagaSerializer
from shared.auth.drf import IsCustomer, IsManager, principal_of
from shared.http.browsable import form
from shared.http.openapi import may_fail
from shared.http.pagination import KeysetPagination

Shown = Mapping[str, Any]


def _has_ended(saga: Shown) -> str:
    is_over = saga.get("status") in {Status.COMPLETED, Status.COMPENSATED}
    return f"This saga is {saga.get('status')}: there is nothing left to do." if is_over else ""


def _is_settled(letter: Shown) -> str:
    is_waiting = letter.get("status") == DeadLetter.Status.WAITING
    return "" if is_waiting else f"This message was {letter.get('status')} already."


class SagaFilter(filters.FilterSet):  # type: ignore[misc]  # comes without types
    """`order_id`, `status`."""

    order_id = filters.UUIDFilter()
    status = filters.ChoiceFilter(choices=SHOWN, method="with_status")

    class Meta:
        model = Saga
        fields: ClassVar = ["order_id", "status"]

    def with_status(self, sagas: QuerySet[Saga], _: str, wanted: str) -> QuerySet[Saga]:
        """A stuck saga is only that."""
        return sagas.filter(is_stuck=True) if wanted == STUCK else sagas.filter(status=wanted, is_stuck=False)


class SagaViewSet(ReadOnlyModelViewSet[Saga]):
    """Where order placements stand."""

    queryset = Saga.objects.all()
    serializer_class = SagaSerializer
    permission_classes = [IsCustomer]
    filterset_class = SagaFilter
    pagination_class = KeysetPagination
    lookup_value_converter = "uuid"
    links: ClassVar = {"id": "/api/sagas/{id}/", "order_id": "/api/orders/{order_id}/"}
    columns = ("id", "kind", "order_id", "status", "deadline")

    def get_queryset(self) -> QuerySet[Saga]:
        """What this caller may see."""
        caller = principal_of(self.request)
        return super().get_queryset().filter(Q() if caller.is_manager else Q(customer_id=caller.subject))

    @form(
        "Retry the current step",
        says="Asks the participant of the current step once more, whatever the step's retries say. Safe to repeat.",
        done="The step was asked again.",
        then="/api/sagas/{pk}/",
        body=None,
        why_not=_has_ended,
    )
    @may_fail(SagaFinished, OfLaterRelease)
    @extend_schema(request=None, responses=SagaSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def retry(self, request: Request, pk: UUID) -> Response:
        """Ask the current step again, or begin a saga that nobody has begun."""
        saga = orchestrator.wake_by_hand(pk)
        if saga is None:
            raise Http404
        if saga.has_ended:
            raise SagaFinished(f"This saga is {saga.status}: there is nothing to wake.")
        return Response(SagaSerializer(saga).data)


class DeadLetterFilter(filters.FilterSet):  # type: ignore[misc]  # comes without types
    """`topic`, `service`, `status`."""

    class Meta:
        model = DeadLetter
        fields: ClassVar = ["topic", "service", "status"]


LETTER = OpenApiParameter(
    "id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="The dead letter's number."
)


@extend_schema_view(retrieve=extend_schema(parameters=[LETTER]))
class DeadLetterViewSet(ReadOnlyModelViewSet[DeadLetter]):
    """Messages that a consumer of any service gave up on."""

    queryset = DeadLetter.objects.all()
    serializer_class = DeadLetterSerializer
    permission_classes = [IsManager]
    filterset_class = DeadLetterFilter
    pagination_class = KeysetPagination
    lookup_value_regex = r"[0-9]{1,18}"
    links: ClassVar = {"id": "/api/dead-letters/{id}/"}
    columns = ("id", "service", "topic", "key", "status", "attempts", "created_at")

    @form(
        "Replay this message",
        says="Sends the message again, with its own id, to the service that gave it up and to no other.",
        done="The message was sent again.",
        then="/api/dead-letters/{pk}/",
        body=None,
        why_not=_is_settled,
    )
    @may_fail(DeadLetterSettled, NobodyToReplayTo, KafkaAway)
    @extend_schema(parameters=[LETTER], request=None, responses=DeadLetterSerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send the message again, with its own id, to the service that gave it up and to no other."""
        return _settle(dead_letters.replay, pk)

    @form(
        "Discard this message",
        says="Settles it without sending it again: nobody will handle it. It stays on record.",
        asks="Discard this message permanently? No service will handle it.",
        done="The message was discarded.",
        then="/api/dead-letters/{pk}/",
        body=None,
        why_not=_is_settled,
    )
    @may_fail(DeadLetterSettled)
    @extend_schema(parameters=[LETTER], request=None, responses=DeadLetterSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Nobody wants it."""
        return _settle(dead_letters.discard, pk)


def _settle(how: Callable[[int], DeadLetter], pk: Any) -> Response:
    try:
        letter = how(int(pk))
    except DeadLetter.DoesNotExist as error:
        raise Http404 from error
    return Response(DeadLetterSerializer(letter).data)
