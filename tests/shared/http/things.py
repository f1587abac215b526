"""Things with every kind of field and operation, for the tests of the API's pages."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http import Http404
from django.urls import include, path
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import GenericViewSet

from shared.auth.drf import IsManager, ReadOnly
from shared.http.bodies import BodySerializer
from shared.http.browsable import Choices, Lead, form
from shared.http.fields import MoneyField, StrictIntegerField, TextField
from shared.http.preconditions import about

Shown = Mapping[str, Any]
COLOURS = (("red", "Red"), ("blue", "Blue"))
LAMP = {
    "id": 7,
    "name": "Lamp <b>",
    "pieces": 3,
    "colour": "red",
    "is_sold": False,
    "kinds": [{"id": "k2", "name": "Second"}],
    "place": {"city": "Berlin"},
    "lines": [{"quantity": 2}],
}
THINGS: dict[int, Shown] = {7: LAMP, 8: {**LAMP, "id": 8, "is_sold": True}}


class PlaceSerializer(BodySerializer[Any]):
    city = TextField(max_length=100)


class LineSerializer(BodySerializer[Any]):
    quantity = StrictIntegerField(min_value=1, max_value=999)


@extend_schema_serializer(
    examples=[
        OpenApiExample("a lamp", {"name": "Lamp", "pieces": 1, "place": {"city": "Rome"}}, request_only=True)
    ]
)
class ThingSerializer(BodySerializer[Any]):
    name = TextField(max_length=50)
    pieces = StrictIntegerField(min_value=1, max_value=999)
    price = MoneyField(required=False)
    colour = serializers.ChoiceField(choices=COLOURS, required=False)
    is_sold = serializers.BooleanField(required=False)
    kinds = serializers.ListField(child=serializers.CharField(), required=False)
    place = PlaceSerializer()
    lines = LineSerializer(many=True, required=False)


class PhotoSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(style={"largest": 2048})


class QuerySerializer(serializers.Serializer[Any]):
    colour = serializers.ChoiceField(choices=COLOURS, required=False)
    least = serializers.IntegerField(required=False)


def _kinds(_: Any) -> Mapping[str, Choices]:
    return {"kinds": [("k1", "First kind"), ("k2", "Second kind")]}


class ThingViewSet(GenericViewSet[Any]):
    permission_classes = [IsManager | ReadOnly]
    serializer_class = ThingSerializer
    filter_backends = []
    query_serializer = QuerySerializer
    links: ClassVar = {"name": "/things/{id}/"}
    row_links: ClassVar = {"See it": "/elsewhere/{id}/"}
    columns = ("id", "name")

    def page_data(self) -> Response:
        return about(Response(self._thing()), '"seven"')

    def page_links(self, shown: Shown) -> Iterable[Lead]:
        return [Lead("For managers", "/managers/", "manager")]

    def list(self, request: Request) -> Response:
        query = QuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        colour = query.validated_data.get("colour")
        found = [each for each in THINGS.values() if colour in (None, each["colour"])]
        return Response({"count": len(found), "next": None, "previous": None, "results": found})

    @form("Create a thing", once=True, choices=_kinds)
    def create(self, request: Request) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data, status=201)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.page_data()

    @form("Write it anew", choices=_kinds)
    def update(self, request: Request, pk: str) -> Response:
        return Response(request.data)

    @form(
        "Polish it",
        says="Makes it shine.",
        then="/things/{pk}/",
        body=None,
        why_not=lambda thing: "It shines already." if thing.get("is_sold") else "",
    )
    @action(detail=True, methods=["post"], permission_classes=[IsManager])
    def polish(self, request: Request, pk: str) -> Response:
        return Response(self._thing())

    @form("Give it a photo")
    @action(
        detail=True,
        methods=["put"],
        permission_classes=[IsManager],
        serializer_class=PhotoSerializer,
        parser_classes=[MultiPartParser],
    )
    def photo(self, request: Request, pk: str) -> Response:
        return Response(status=204)

    def _thing(self) -> Shown:
        if int(self.kwargs["pk"]) not in THINGS:
            raise Http404
        return THINGS[int(self.kwargs["pk"])]


router = SimpleRouter()
router.register("things", ThingViewSet, basename="thing")
urlpatterns = [path("", include(router.urls))]
