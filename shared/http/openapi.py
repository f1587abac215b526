"""How an operation stands in the OpenAPI document: its name, its summary, and everything that can go wrong.

A view says with `may_fail` what only it can answer. What follows from an operation's shape (a body can be malformed,
an id can name nothing) is added here, and what the gateway refuses is added where the documents of all services are
put together (`launcher.contract`).
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from inspect import getdoc
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import APIException
from rest_framework.serializers import ListSerializer

from shared.http.bodies import BodySerializer
from shared.http.fields import TextField
from shared.http.problem_document import KINDS
from shared.http.problems import SLUGS, Problem, StoreUnavailable

LOCATION = OpenApiParameter(
    "Location",
    OpenApiTypes.URI,
    OpenApiParameter.HEADER,
    required=True,
    response=[201],
    description="Where it is.",
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    required=True,
    response=[200, 201, 304],
    description="The strong entity tag of this state, for If-Match and If-None-Match.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that was read: 412 where it does not hold any more.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="An ETag that is known: 304 where it still holds.",
)
UNCHANGED = OpenApiResponse(description="What If-None-Match names still holds.")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description="The same key and body give the first answer again; the same key with another body is 422.",
)

F = TypeVar("F", bound=Callable[..., Any])
Shown = dict[str, Any]

NOT_EMPTY = (
    "x-not-empty"  # extension of a query parameter that means nothing where it is empty; not published
)
STANDARD_ACTIONS = {"list", "retrieve", "create", "update", "partial_update", "destroy"}
ANY = (406, 500, 503)  # what every operation may answer
WITH_BODY = (413, 415)

# What a kind of problem means that no class stands for: DRF raises it.
GENERIC = {
    "bad-request": "The request cannot be understood.",
    "not-authenticated": "This needs an access token: send it as `Authorization: Bearer <token>`.",
    "forbidden": "You may not do this: `detail` names the role that may.",
    "not-found": "There is nothing with this id, or nothing that you may see; or no such page of a list.",
    "method-not-allowed": "This cannot be done here: the Allow header says what can.",
    "not-acceptable": "The answer cannot be written as the Accept header asks: ask for application/json.",
    "conflict": "This contradicts what is there.",
    "precondition-failed": "What was to be changed is not what it was when you read it.",
    "content-too-large": "The body is larger than anything that is taken here.",
    "unsupported-media-type": "The body is not JSON: send it as application/json.",
    "too-many-requests": "You sent more requests than your share: wait as long as Retry-After says.",
    "internal-error": "Something broke on our side. The trace id names the log lines.",
    "store-unavailable": str(StoreUnavailable.default_detail),
    "validation-error": "Some fields are not acceptable: see `errors`.",
    "malformed-body": "The body is not JSON, or not JSON that every program reads alike.",
}


def may_fail(*problems: type[Problem]) -> Callable[[F], F]:
    """Say which problems a method of a view may answer with."""

    def mark(method: F) -> F:
        method.__dict__["problems"] = problems
        return method

    return mark


def shown(problem: type[Problem]) -> Shown:
    """A kind of problem, as the document and the page of problems need it."""
    detail, unsaid = str(problem.default_detail), str(APIException.default_detail)
    return {
        "slug": problem.slug,
        "status": problem.status_code,
        "title": problem.title or HTTPStatus(problem.status_code).phrase,
        "detail": (getdoc(problem) or "").split("\n")[0] if detail == unsaid else detail,
        "members": problem.example,
    }


def generic(status: int, slug: str = "", title: str = "", detail: str = "") -> Shown:
    """A kind of problem that no class of a service stands for."""
    name = slug or SLUGS[status]
    detail = detail or GENERIC.get(name, "")
    return {
        "slug": name,
        "status": status,
        "title": title or HTTPStatus(status).phrase,
        "detail": detail,
        "members": {},
    }


INVALID = {
    **generic(400, "validation-error", "The request is not valid"),
    "members": {
        "errors": [{"field": "items.0.quantity", "code": "required", "detail": "This field is required."}]
    },
}
MALFORMED = generic(400, "malformed-body")


class Operation(AutoSchema):
    """drf-spectacular's description of an operation, and what this module adds."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Shown | None:
        """The operation, with its problems."""
        operation: Shown | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation[KINDS] = [*self._from_shape(operation), *map(shown, self._said())]
            for parameter in operation.get("parameters", ()):
                _allow_empty(parameter)
        return operation

    def get_operation_id(self) -> str:
        """`orders_cancel` for an action, instead of `orders_cancel_create`."""
        action = getattr(self.view, "action", None)
        if action is None or action in STANDARD_ACTIONS:
            return str(super().get_operation_id())
        return f"{self._tokenize_path()[0].replace('-', '_')}_{action}"

    def get_summary(self) -> str | None:
        """The first sentence of what the method says of itself."""
        return str(self.get_description()).split("\n")[0].rstrip(".") or None

    def _map_serializer_field(self, field: Any, *args: Any, **kwargs: Any) -> Any:
        """With null among the values of an optional choice, and how many items a list of serializers may have."""
        schema = super()._map_serializer_field(field, *args, **kwargs)  # type: ignore[no-untyped-call]
        if "enum" in schema and "null" in schema.get("type", ()) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        if isinstance(field, ListSerializer):
            least = getattr(field, "min_length", None) or (0 if field.allow_empty else 1)
            most = getattr(field, "max_length", None)
            schema |= ({"minItems": least} if least else {}) | ({"maxItems": most} if most else {})
        return schema

    def _insert_field_validators(self, field: Any, schema: Shown) -> None:
        """Without drf-spectacular's second branch for an empty text: a `TextField`'s pattern says whether it may be empty."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, TextField) and "oneOf" in schema:
            schema |= schema.pop("oneOf")[0]

    def _get_serializer_field_meta(self, field: Any, direction: str) -> Shown:
        """With whether it takes null: what may be left out of a body does."""
        meta: Shown = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        if isinstance(getattr(field, "parent", None), BodySerializer) and not field.required:
            meta["nullable"] = True
        return meta

    def _said(self) -> Iterable[type[Problem]]:
        name = getattr(self.view, "action", None) or self.method.lower()
        found: Iterable[type[Problem]] = getattr(getattr(self.view, name, None), "problems", ())
        return found

    def _from_shape(self, operation: Shown) -> Iterable[Shown]:
        places = {parameter["in"] for parameter in operation.get("parameters", ())}
        yield INVALID  # if nothing else, a parameter that stands there twice
        if "requestBody" in operation:
            yield MALFORMED
            yield from map(generic, WITH_BODY)
        if "path" in places or operation["operationId"].endswith("_list"):
            yield generic(404)  # an id that names nothing, or a page after the last
        yield generic(401)
        yield from map(generic, ANY)


def _allow_empty(parameter: Shown) -> None:
    """`?status=` means what leaving `status` out means, as the forms of browsers send it; unless it says otherwise."""
    must_not = parameter.pop(NOT_EMPTY, False) or parameter["schema"].get("type") == "array"
    if parameter["in"] == "query" and not must_not:
        parameter["allowEmptyValue"] = True
