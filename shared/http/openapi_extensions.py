"""How the OpenAPI document describes what is shared. Loaded when Django is ready: it needs all of DRF."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension

from shared.http.fields import OBJECT_ID, ObjectIdField, TextField
from shared.http.problem_document import CONTENT_TYPE


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `BearerAuthentication`."""

    target_class = "shared.auth.drf.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer tokens."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Amounts(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Money: what is sent always has two places, what is taken may have fewer; both are strings."""

    target_class = "rest_framework.fields.DecimalField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The schema of an amount."""
        digits = self.target.max_digits - self.target.decimal_places
        if direction == "response":
            return {"type": "string", "format": "decimal", "pattern": rf"^\d{{1,{digits}}}\.\d{{2}}$"}
        return {
            "type": "string",
            "format": "decimal",
            "pattern": rf"^[0-9]{{1,{digits}}}(\.[0-9]{{1,2}})?$",
        }


class Ids(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Ids of products and categories."""

    target_class = ObjectIdField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The schema of an id."""
        return {"type": "string", "pattern": OBJECT_ID}


class Texts(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Text that is taken has the field's own pattern; how long it may be is added from the field's validators."""

    target_class = TextField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The schema of a text."""
        least = {} if self.target.allow_blank else {"minLength": 1}
        return {"type": "string", "pattern": self.target.pattern, **least}


PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457); a kind of problem may add members of its own.",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "The kind of problem; leads to a page about it.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "trace_id": {"type": "string", "description": "Names the log lines of this request."},
        "errors": {
            "type": "array",
            "description": "Where the request is not valid: one for each wrong value.",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
                "required": ["field", "code", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "trace_id"],
}
RESPONSE = {
    "description": "Any failure.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: every operation may answer with a problem document, which is described once."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", RESPONSE)
    return result
