"""How the OpenAPI document describes what is shared. Loaded when Django is ready: it needs all of DRF."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `BearerAuthentication`."""

    target_class = "shared.auth.drf.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer tokens."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
