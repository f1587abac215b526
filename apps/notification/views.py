"""The notification API: everyone's own, and nobody else's."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apps.notification import operations
from apps.notification.models import Notification
from apps.notification.queries import MOST, parse_after, told_after
from apps.notification.serializers import AfterSerializer, NotificationSerializer
from shared.auth.drf import IsCustomer, principal_of
from shared.http.browsable import form
from shared.http.openapi import NOT_EMPTY

AFTER = OpenApiParameter(
    "after",
    {"type": "integer", "format": "int64", "minimum": 0, "maximum": MOST},
    description="Only what came after the notification with this id.",
    extensions={NOT_EMPTY: True},
)
ID = OpenApiParameter(
    "id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="The number of one of your notifications."
)


class NotificationViewSet(mixins.ListModelMixin, GenericViewSet[Notification]):
    """What the caller was told, oldest first: a page that was full once never changes, since ids only rise."""

    queryset = Notification.objects.none()
    serializer_class = NotificationSerializer
    permission_classes = [IsCustomer]
    filter_backends = []
    lookup_field = "id"
    lookup_value_converter = "int"
    query_serializer = AfterSerializer
    links: ClassVar = {"order_id": "/api/orders/{order_id}/"}
    row_links: ClassVar = {"Mark as read": "/api/notifications/{id}/read/"}
    columns = ("id", "title", "body", "order_id", "created_at", "read_at")

    def get_queryset(self) -> QuerySet[Notification]:
        """The caller's own, after the id that the query names."""
        try:
            after = parse_after(self.request.query_params.getlist("after"))
        except ValueError as error:
            raise ValidationError({"after": [str(error)]}) from error
        return told_after(principal_of(self.request).subject, after or 0)

    @extend_schema(parameters=[AFTER])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your notifications in the order of their ids."""
        return super().list(request, *args, **kwargs)

    @form(
        "Mark as read",
        says="Notes that you have read this. The first time counts.",
        done="Marked as read.",
        then="/api/notifications/",
        body=None,
    )
    @extend_schema(parameters=[ID], request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def read(self, request: Request, id: int) -> Response:
        """Mark a notification as read; the first time counts."""
        operations.mark_read(principal_of(request).subject, id)
        return Response(status=status.HTTP_204_NO_CONTENT)
