"""How the OpenAPI document describes what is shared. Loaded when Django is ready: it needs all of DRF."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from shared.http.documents import CONTENT_TYPE


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `BearerAuthentication`."""

    target_class = "shared.auth.drf.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer tokens."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457); a kind of problem may add members of its own.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "trace_id": {"type": "string"},
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
